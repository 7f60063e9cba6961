// A complete experiment on a tiny data set, in a directory of its own: 100 training and 20 test images of 28 x 28 black pixels, 10 classes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "storage/base/file.h"
#include "tests/support/temporary_directory.h"

namespace support {

class SmallExperiment {
 public:
  SmallExperiment() {
    std::filesystem::create_directory(path() / "data");
    for (const auto& [name, count] : {std::pair{"train", 100}, std::pair{"t10k", 20}}) {
      std::string labels = big_endian(0x801) + big_endian(count);
      for (int i = 0; i < count; ++i) labels += static_cast<char>(i % 10);
      const std::string header = big_endian(0x803) + big_endian(count) + big_endian(28) + big_endian(28);
      storage::write_file(path() / "data" / (std::string(name) + "-images-idx3-ubyte"), header + std::string(count * 28 * 28, '\0'));
      storage::write_file(path() / "data" / (std::string(name) + "-labels-idx1-ubyte"), labels);
    }
  }

  const std::filesystem::path& path() const { return directory_.path(); }

  /// Line 1 is lines[0]; tests replace lines and add to them.
  std::vector<std::string> lines{
      "schema: 1",
      "name: small",
      "tasks: [{name: clothes, dataset: fashion}]",
      "data: {fashion: {format: idx, root: data, pad: 2}}",
      "nets: [{name: vgg11_bn, width: 0.25}]",
      "train: {epochs: 4, optimizer: {lr: 0.1}}",
      "prune:",
      "  criteria: [l1]",
      "  schedules: [{name: half, keep: [0.5]}]",
  };

  /// Writes the lines to e.yaml.
  std::filesystem::path write() const {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    storage::write_file(path() / "e.yaml", text);
    return path() / "e.yaml";
  }

 private:
  static std::string big_endian(int value) {
    return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8), static_cast<char>(value)};
  }

  TemporaryDirectory directory_;
};

}  // namespace support
