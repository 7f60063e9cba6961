// The data of tiny_idx.h as an experiment holds them.
#pragma once

#include "search/experiment/experiment.h"
#include "tests/support/tiny_idx.h"

namespace support {

/// Writes the files into the folder and describes them.
inline search::Data tiny_data(const std::filesystem::path& folder) {
  write_tiny_idx(folder);
  return search::describe_data({{"format", "idx"}, {"root", folder.string()}, {"pad", 2}, {"validation_images", 6}}, {""});
}

}  // namespace support
