// What the fuzzers of the file readers share: bytes as a file, and errors that are expected.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "storage/base/error.h"

namespace fuzz {

/// A folder in memory with a copy of the file that NAS_FUZZ_BESIDE names, where it is set: what a file may refer to.
inline std::filesystem::path make_folder() {
  std::filesystem::path folder = std::filesystem::path("/dev/shm") / ("nas-run-fuzz-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  if (const char* beside = std::getenv("NAS_FUZZ_BESIDE"))
    std::filesystem::copy_file(beside, folder / std::filesystem::path(beside).filename(), std::filesystem::copy_options::overwrite_existing);
  return folder;
}

/// Gives the bytes to a reader as a file in memory. A file that it refuses is as good as one that it reads; anything else is a finding.
template <typename Reader>
int read_as_file(const std::uint8_t* bytes, std::size_t size, const char* extension, const Reader& reader) {
  static const std::filesystem::path path = make_folder() / (std::string("file") + extension);
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(reinterpret_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  try {
    reader(path);
  } catch (const storage::Error& error) {
    if (error.kind() != storage::ErrorKind::invalid) throw;
  }
  return 0;
}

}  // namespace fuzz
