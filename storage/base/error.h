// The one exception type of the project: what stops a run, with its kind; `main` turns the kind into an exit code.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace storage {

enum class ErrorKind { internal, usage, invalid, storage, environment };

/// A run cannot go on. The message names the value, where it came from and what would be valid.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// Throws an Error of the kind invalid: input that no run can take.
[[noreturn]] void refuse(const std::string& what);
[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what);  ///< "FILE: what"

/// Exit code of a kind: internal 1, usage 2, invalid 3, storage 5, environment 6.
int exit_code(ErrorKind kind);

}  // namespace storage
