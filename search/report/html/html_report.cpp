#include "search/report/html/html_report.h"

#include <fmt/format.h>

#include "search/report/html/document.h"
#include "search/report/html/page.h"
#include "storage/base/fingerprint.h"

namespace search {

namespace {

using storage::Json;

/// What a content security policy calls these bytes.
std::string policy_hash(const std::string& bytes) {
  return "'sha256-" + storage::sha256_base64(bytes) + "'";
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
