#include "search/run/executors/shared_results.h"

#include <fmt/format.h>

#include "storage/base/error.h"
#include "storage/base/file.h"

namespace search {

std::filesystem::path shared_results(const std::filesystem::path& directory, const std::filesystem::path& shared) {
  storage::make_directory(directory);
  if (shared.empty()) return std::filesystem::absolute(directory);
  const std::filesystem::path results = std::filesystem::absolute(shared / std::filesystem::absolute(directory).filename());
  for (const char* part : {"artifacts", "checkpoints"}) {
    const std::filesystem::path here = directory / part, there = results / part;
    storage::make_directory(there);
    if (std::filesystem::is_symlink(here) && std::filesystem::read_symlink(here) == there) continue;
    if (std::filesystem::exists(std::filesystem::symlink_status(here)) &&
        (std::filesystem::is_symlink(here) || !std::filesystem::is_empty(here)))
      throw storage::Error(storage::ErrorKind::invalid,
                           fmt::format("{} lies elsewhere than resources.shared says, in {}; valid: another folder for the results (-o)",
                                       here.string(), there.string()));
    std::filesystem::remove(here);
    std::filesystem::create_directory_symlink(there, here);
  }
  return results;
}

}  // namespace search
