#include "search/report/html/html_report.h"

#include <fmt/format.h>

#include "search/report/html/document.h"
#include "search/report/html/page.h"
#include "storage/base/fingerprint.h"

namespace search {

namespace {

using storage::Json;

/// The SHA-256 of the bytes as a content security policy names it: 'sha256-' and base64.
std::string policy_hash(const std::string& bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string hex = storage::sha256(bytes);
  std::string base64;
  for (std::size_t i = 0; i < hex.size(); i += 6) {  // 3 bytes, 4 digits
    const std::string part = hex.substr(i, 6);
    const unsigned long bits = std::stoul(part + std::string(6 - part.size(), '0'), nullptr, 16);
    for (std::size_t digit = 0; digit < 4; ++digit) base64 += digit <= part.size() * 4 / 6 ? digits[(bits >> (18 - 6 * digit)) & 63] : '=';
  }
  return "'sha256-" + base64 + "'";
}

/// JSON that no HTML parser takes for markup: what it could notice is written as JSON's \u escapes.
std::string inert(const Json& document) {
  const std::string json = document.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string text;
  text.reserve(json.size() + json.size() / 64);
  for (const char c : json) {
    if (c == '<' || c == '>' || c == '&')
      text += fmt::format("\\u{:04x}", static_cast<int>(c));
    else
      text += c;
  }
  return text;
}

/// `page` with {{name}} replaced, each once.
std::string filled(const std::string& page, const std::vector<std::pair<std::string, const std::string*>>& parts) {
  std::string result;
  std::size_t from = 0;
  for (const auto& [name, text] : parts) {
    const std::string mark = "{{" + name + "}}";
    const std::size_t at = page.find(mark, from);
    result += page.substr(from, at - from) + *text;
    from = at + mark.size();
  }
  return result + page.substr(from);
}

}  // namespace

std::string html_report(const storage::Repository& repository, const HtmlOptions& options) {
  const std::string script = std::string(html::chart_library()) + "\n" + html::page_script(), style = html::page_style();
  const std::string policy =
      fmt::format("default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src {}; base-uri 'none'; form-action 'none'",
                  policy_hash(script), policy_hash(style), options.refresh_s > 0 ? "'self'" : "'none'");
  const std::string data = inert(html::document(repository, options));
  return filled(html::page_markup(), {{"policy", &policy}, {"style", &style}, {"data", &data}, {"script", &script}});
}

}  // namespace search
