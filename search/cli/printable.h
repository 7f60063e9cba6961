// Texts from outside for a terminal. Used wherever a failure, a file's name or a worker's words are printed.
#pragma once

#include <fmt/format.h>

#include <string>

namespace search::cli {

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
