// What a terminal is sent: texts from outside, made harmless, and whether lines may be drawn over.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace search::cli {

/// Whether the user wants plain lines also on a terminal: https://no-color.org.
inline bool wants_plain_lines() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color != nullptr && *no_color != '\0';
}

/// Writes at once. That nobody reads it any more, as where the terminal was closed, is no failure.
inline void tell(std::FILE* out, const std::string& text) {
  std::fputs(text.c_str(), out);
  std::fflush(out);
}

/// Control characters as "\x1b", so that a text moves no cursor and sets no colour; new lines and tabs stay.
inline std::string printable(const std::string& text) {
  std::string shown;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    const bool is_control = (code < 0x20 && c != '\n' && c != '\t') || code == 0x7f;
    shown += is_control ? fmt::format("\\x{:02x}", code) : std::string(1, c);
  }
  return shown;
}

}  // namespace search::cli
