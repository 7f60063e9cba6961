// What stands for reading and writing MATLAB's files in a build without HDF5 (NAS_HDF5=OFF), as wheels are.
#include "eval/data/mat_file.h"
#include "eval/samples/mat_writer.h"
#include "storage/base/error.h"

namespace eval {
namespace {

[[noreturn]] void fail() {
  throw storage::Error(
      storage::ErrorKind::environment,
      "this nas-run was built without HDF5, which LFWA's MATLAB files are; valid: one built from source with -DNAS_HDF5=ON");
}

}  // namespace

struct MatFile::Impl {};
MatFile::MatFile(const std::filesystem::path& /*path*/) {
  fail();
}
MatFile::~MatFile() = default;
MatFile::Matrix MatFile::numbers(const std::string& /*name*/) const {
  fail();
}
std::vector<std::string> MatFile::texts(const std::string& /*name*/) const {
  fail();
}

struct MatWriter::Impl {};
MatWriter::MatWriter() {
  fail();
}
MatWriter::~MatWriter() = default;
void MatWriter::matrix(const std::string& /*name*/, std::size_t /*rows*/, std::size_t /*columns*/, const std::vector<double>& /*values*/) {
  fail();
}
void MatWriter::texts(const std::string& /*name*/, const std::vector<std::string>& /*texts*/) {
  fail();
}
std::string MatWriter::bytes() {
  fail();
}

}  // namespace eval
