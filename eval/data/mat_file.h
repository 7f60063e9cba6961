// Reads MATLAB files of version 7.3, which are HDF5. Used by the reader of LFWA.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace eval {

/// A file on the disk. What cannot be read is an Error(invalid) that names the file; a build without HDF5 has an Error(environment) for
/// all.
class MatFile {
 public:
  explicit MatFile(const std::filesystem::path& path);
  ~MatFile();

  struct Matrix {
    std::size_t columns = 0, rows = 0;  ///< as HDF5 has them: MATLAB's, turned
    std::vector<double> values;
  };

  /// A matrix or vector of numbers.
  Matrix numbers(const std::string& name) const;
  /// A cell array of texts.
  std::vector<std::string> texts(const std::string& name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eval
