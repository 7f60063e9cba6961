// Writes a small dataset in IDX files: 30 training and 10 test images of 28 x 28 black pixels, labels in turn.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace support {

inline void write_tiny_idx(const std::filesystem::path& directory) {
  const auto write = [&](const std::string& prefix, char count) {
    const std::string number{0, 0, 0, count}, side{0, 0, 0, 28};
    std::string labels = std::string{0, 0, 8, 1} + number;
    for (char i = 0; i < count; ++i) labels += static_cast<char>(i % 10);
    std::ofstream(directory / (prefix + "-images-idx3-ubyte"), std::ios::binary)
        << std::string{0, 0, 8, 3} + number + side + side + std::string(static_cast<std::size_t>(count) * 28 * 28, '\0');
    std::ofstream(directory / (prefix + "-labels-idx1-ubyte"), std::ios::binary) << labels;
  };
  write("train", 30);
  write("t10k", 10);
}

}  // namespace support
