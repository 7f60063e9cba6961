#include "eval/samples/mat_writer.h"

#include <H5Cpp.h>
#include <fmt/format.h>

#include <array>
#include <cstdint>

#include "storage/base/error.h"

namespace eval {
namespace {

constexpr std::size_t header_bytes = 512;
constexpr const char* references = "#refs#";  // the group where MATLAB keeps what cells point to

[[noreturn]] void fail(const std::string& what) {
  throw storage::Error(storage::ErrorKind::internal, fmt::format("MATLAB file: {}", what));
}

template <class Work>
void wrapped(const Work& work) {
  try {
    work();
  } catch (const H5::Exception& error) {
    fail(error.getDetailMsg());
  }
}

/// 116 bytes of text, 8 of an offset that is not used, version 2 and the mark of the byte order.
std::string user_block() {
  std::string text = "MATLAB 7.3 MAT-file, Platform: GLNXA64, written by nas-run sample, HDF5 schema 1.00 .";
  text.resize(124, ' ');
  text += std::string("\x00\x02IM", 4);
  text.resize(header_bytes, '\0');
  return text;
}

H5::DSetCreatPropList without_times() {
  H5::DSetCreatPropList list;
  H5Pset_obj_track_times(list.getId(), false);  // or no two files would be equal
  return list;
}

}  // namespace

struct MatWriter::Impl {
  H5::H5File file;
  std::size_t texts = 0;

  H5::DataSet add(const std::string& name, const H5::PredType& type, const std::array<hsize_t, 2>& extents,
                  const std::string& matlab_class) {
    const H5::DataSpace space(2, extents.data());
    const H5::DataSet data = file.createDataSet(name, type, space, without_times());
    const H5::StrType text(H5::PredType::C_S1, matlab_class.size());
    data.createAttribute("MATLAB_class", text, H5::DataSpace()).write(text, matlab_class);
    return data;
  }

  /// Returns a reference to the text, a row of characters.
  hobj_ref_t add_text(const std::string& text) {
    const std::string name = fmt::format("{}/{:x}", references, texts++);
    const std::vector<std::uint16_t> characters(text.begin(), text.end());
    const H5::DataSet data = add(name, H5::PredType::STD_U16LE, {characters.size(), 1}, "char");
    data.write(characters.data(), H5::PredType::NATIVE_UINT16);
    const std::int32_t decode = 2;
    data.createAttribute("MATLAB_int_decode", H5::PredType::STD_I32LE, H5::DataSpace()).write(H5::PredType::NATIVE_INT32, &decode);
    hobj_ref_t reference = 0;
    file.reference(&reference, name, H5R_OBJECT);
    return reference;
  }
};

MatWriter::MatWriter() : impl_(std::make_unique<Impl>()) {
  H5::Exception::dontPrint();
  wrapped([&] {
    H5::FileCreatPropList creation;
    creation.setUserblock(header_bytes);
    H5::FileAccPropList memory;
    memory.setCore(1 << 20, /*backing_store=*/false);
    // HDF5 opens no two files of one name, though these are never on a disk.
    impl_->file = H5::H5File(fmt::format("{}", fmt::ptr(impl_.get())), H5F_ACC_TRUNC, creation, memory);
    impl_->file.createGroup(references);
  });
}

MatWriter::~MatWriter() = default;

void MatWriter::matrix(const std::string& name, std::size_t rows, std::size_t columns, const std::vector<double>& values) {
  wrapped([&] { impl_->add(name, H5::PredType::IEEE_F64LE, {columns, rows}, "double").write(values.data(), H5::PredType::NATIVE_DOUBLE); });
}

void MatWriter::texts(const std::string& name, const std::vector<std::string>& texts) {
  wrapped([&] {
    std::vector<hobj_ref_t> cells;
    for (const std::string& text : texts) cells.push_back(impl_->add_text(text));
    impl_->add(name, H5::PredType::STD_REF_OBJ, {1, cells.size()}, "cell").write(cells.data(), H5::PredType::STD_REF_OBJ);
  });
}

std::string MatWriter::bytes() {
  std::string image;
  wrapped([&] {
    impl_->file.flush(H5F_SCOPE_LOCAL);
    const ssize_t size = H5Fget_file_image(impl_->file.getId(), nullptr, 0);
    if (size <= 0) fail("has no bytes");
    image.resize(static_cast<std::size_t>(size));
    if (H5Fget_file_image(impl_->file.getId(), image.data(), image.size()) != size) fail("cannot be taken out of memory");
  });
  return user_block() + image;  // HDF5 leaves out what lies before it
}

}  // namespace eval
