#include "eval/data/mat_file.h"

#include <H5Cpp.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <numeric>

#include "storage/base/error.h"

namespace eval {
namespace {

constexpr hsize_t max_values = 16'000'000;
constexpr hsize_t max_text = 4096;

}  // namespace

struct MatFile::Impl {
  std::filesystem::path path;
  H5::H5File file;

  [[noreturn]] void fail(const std::string& what) const { storage::refuse(path, what); }

  template <class Read>
  void wrapped(const std::string& what, const Read& read) const {
    try {
      read();
    } catch (const H5::Exception& error) {
      fail(fmt::format("{} cannot be read: {}", what, error.getDetailMsg()));
    }
  }

  std::vector<hsize_t> extents_of(const H5::DataSet& data, const std::string& name) const {
    const H5::DataSpace space = data.getSpace();
    const int rank = space.getSimpleExtentNdims();
    if (rank < 1 || rank > 2) fail(fmt::format("{} has {} dimensions; valid are 1 and 2", name, rank));
    std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
    space.getSimpleExtentDims(extents.data());
    hsize_t most = max_values;
    for (const hsize_t extent : extents) {
      if (extent == 0 || extent > most) fail(fmt::format("{} is {} large", name, fmt::join(extents, " x ")));
      most /= extent;
    }
    return extents;
  }

  std::string text_of(const hobj_ref_t& reference, const std::string& name) const {
    H5::DataSet data;
    data.dereference(file, &reference, H5R_OBJECT);
    const std::vector<hsize_t> extents = extents_of(data, name);
    const hsize_t length = std::accumulate(extents.begin(), extents.end(), hsize_t{1}, std::multiplies<>());
    if (length > max_text) fail(fmt::format("a text of {} has {} characters", name, length));
    std::vector<std::uint16_t> characters(length);
    data.read(characters.data(), H5::PredType::NATIVE_UINT16);
    return {characters.begin(), characters.end()};
  }
};

MatFile::MatFile(const std::filesystem::path& path) : impl_(std::make_unique<Impl>()) {
  H5::Exception::dontPrint();
  impl_->path = path;
  impl_->wrapped("as HDF5", [&] { impl_->file.openFile(path.string(), H5F_ACC_RDONLY); });
}

MatFile::~MatFile() = default;

MatFile::Matrix MatFile::numbers(const std::string& name) const {
  Matrix matrix;
  impl_->wrapped(name, [&] {
    const H5::DataSet data = impl_->file.openDataSet(name);
    const std::vector<hsize_t> extents = impl_->extents_of(data, name);
    matrix.columns = extents.front();
    matrix.rows = extents.size() > 1 ? extents[1] : 1;
    matrix.values.resize(matrix.columns * matrix.rows);
    data.read(matrix.values.data(), H5::PredType::NATIVE_DOUBLE);
  });
  return matrix;
}

std::vector<std::string> MatFile::texts(const std::string& name) const {
  std::vector<std::string> texts;
  impl_->wrapped(name, [&] {
    const H5::DataSet cells = impl_->file.openDataSet(name);
    if (cells.getTypeClass() != H5T_REFERENCE) impl_->fail(fmt::format("{} is no cell array", name));
    const std::vector<hsize_t> extents = impl_->extents_of(cells, name);
    std::vector<hobj_ref_t> references(std::accumulate(extents.begin(), extents.end(), hsize_t{1}, std::multiplies<>()));
    cells.read(references.data(), H5::PredType::STD_REF_OBJ);
    for (const hobj_ref_t& reference : references) texts.push_back(impl_->text_of(reference, name));
  });
  return texts;
}

}  // namespace eval
