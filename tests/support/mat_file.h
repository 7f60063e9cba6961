// Writes MATLAB files of version 7.3 as LFWA has them: HDF5 with matrices of doubles and cell arrays of texts.
#pragma once

#include <H5Cpp.h>

#include <filesystem>
#include <string>
#include <vector>

namespace support {

class MatWriter {
 public:
  explicit MatWriter(const std::filesystem::path& path) : file_(path.string(), H5F_ACC_TRUNC) {}

  /// A MATLAB matrix of `rows` x `columns`, given column by column, which is how HDF5 has it row by row.
  void numbers(const std::string& name, hsize_t rows, hsize_t columns, const std::vector<double>& by_column) {
    const hsize_t extents[] = {columns, rows};
    file_.createDataSet(name, H5::PredType::NATIVE_DOUBLE, H5::DataSpace(2, extents)).write(by_column.data(), H5::PredType::NATIVE_DOUBLE);
  }

  /// A column of texts.
  void texts(const std::string& name, const std::vector<std::string>& texts) {
    if (!file_.nameExists("#refs#")) file_.createGroup("#refs#");
    std::vector<hobj_ref_t> references(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::string place = "#refs#/" + name + std::to_string(i);
      const std::vector<std::uint16_t> characters(texts[i].begin(), texts[i].end());
      const hsize_t extents[] = {characters.size(), 1};
      file_.createDataSet(place, H5::PredType::NATIVE_UINT16, H5::DataSpace(2, extents))
          .write(characters.data(), H5::PredType::NATIVE_UINT16);
      file_.reference(&references[i], place);
    }
    const hsize_t extents[] = {1, texts.size()};
    file_.createDataSet(name, H5::PredType::STD_REF_OBJ, H5::DataSpace(2, extents)).write(references.data(), H5::PredType::STD_REF_OBJ);
  }

 private:
  H5::H5File file_;
};

}  // namespace support
