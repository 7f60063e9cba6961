// Commands for a POSIX shell: those that are shown to be copied, and those that are run on other hosts.
#pragma once

#include <string>

namespace storage {

/// A text as one word, in quotes where it needs them.
inline std::string shell_quoted(const std::string& text) {
  static const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+@:=,";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char letter : text) quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return quoted + "'";
}

}  // namespace storage
