#include "storage/base/error.h"

namespace storage {

void refuse(const std::string& what) {
  throw Error(ErrorKind::invalid, what);
}

void refuse(const std::filesystem::path& file, const std::string& what) {
  refuse(file.string() + ": " + what);
}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::internal:
      return 1;
    case ErrorKind::usage:
      return 2;
    case ErrorKind::invalid:
      return 3;
    case ErrorKind::storage:
      return 5;
    case ErrorKind::environment:
      return 6;
  }
  return 1;
}

}  // namespace storage
