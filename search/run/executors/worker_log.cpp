#include "search/run/executors/worker_log.h"

#include <algorithm>
#include <fstream>

namespace search {

namespace {

constexpr std::uintmax_t kTailBytes = 2000;

}  // namespace

std::uintmax_t log_size(const std::filesystem::path& log) {
  std::error_code missing;
  const auto size = std::filesystem::file_size(log, missing);
  return missing ? 0 : size;
}

std::string log_tail(const std::filesystem::path& log, std::uintmax_t mark) {
  std::ifstream file(log, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const auto size = static_cast<std::uintmax_t>(file.tellg());
  const auto length = static_cast<std::size_t>(std::min<std::uintmax_t>(kTailBytes, size - std::min(mark, size)));
  std::string tail(length, '\0');
  file.seekg(-static_cast<std::streamoff>(length), std::ios::end);
  file.read(tail.data(), static_cast<std::streamsize>(length));
  tail.resize(static_cast<std::size_t>(file.gcount()));  // none where the disk fails
  return tail;
}

}  // namespace search
