// Writes MATLAB files of version 7.3, which are HDF5 behind a header of 512 bytes. Used by the sample of LFWA.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace eval {

/// A file in memory. The same calls give the same bytes. Every failure is a storage::Error(internal).
class MatWriter {
 public:
  MatWriter();
  ~MatWriter();

  /// A matrix of doubles; `values` column by column, as MATLAB has them.
  void matrix(const std::string& name, std::size_t rows, std::size_t columns, const std::vector<double>& values);
  /// A column of cells with a text each.
  void texts(const std::string& name, const std::vector<std::string>& texts);

  /// The file; nothing can be added after that.
  std::string bytes();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eval
