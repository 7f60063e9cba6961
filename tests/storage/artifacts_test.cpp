#include "storage/artifacts.h"

#include <catch2/catch.hpp>
#include <stdexcept>

#include "storage/base/error.h"
#include "storage/base/file.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using namespace storage;
using support::TemporaryDirectory;

namespace {

const std::string abc_hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // FIPS 180-4

std::size_t files_below(const std::filesystem::path& directory) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) files += entry.is_regular_file() ? 1 : 0;
  return files;
}

}  // namespace

TEST_CASE("an artifact lies under its hash, once") {
  const TemporaryDirectory directory;
  const ArtifactStore store(directory.path() / "made" / "artifacts");
  CHECK_FALSE(store.contains(abc_hash));
  CHECK(store.path(abc_hash) == directory.path() / "made" / "artifacts" / "ba" / abc_hash);

  for (const char* name : {"weights", "checkpoint"}) {
    const Artifact artifact = store.put(name, [](const std::filesystem::path& path) { write_file(path, "abc"); });
    CHECK(artifact.name == name);
    CHECK(artifact.hash == abc_hash);
    CHECK(artifact.bytes == 3);
  }
  CHECK(store.contains(abc_hash));
  CHECK(read_file(store.path(abc_hash)) == "abc");
  CHECK(files_below(directory.path()) == 1);
}

TEST_CASE("a writer that fails leaves nothing behind") {
  const TemporaryDirectory directory;
  const ArtifactStore store(directory.path());
  CHECK_THROWS_AS(store.put("weights",
                            [](const std::filesystem::path& path) {
                              write_file(path, "half");
                              throw std::runtime_error("stopped");
                            }),
                  std::runtime_error);
  CHECK(files_below(directory.path()) == 0);

  const Error error = support::error_of([&] { store.put("weights", [](const std::filesystem::path&) {}); });
  CHECK(error.kind() == ErrorKind::internal);
  CHECK_THAT(error.what(), Catch::Contains("'weights'"));
}

TEST_CASE("a store where a file is in the way is refused") {
  const TemporaryDirectory directory;
  write_file(directory.path() / "file", "");
  const Error error = support::error_of([&] { ArtifactStore store(directory.path() / "file" / "artifacts"); });
  CHECK(error.kind() == ErrorKind::environment);
  CHECK_THAT(error.what(), Catch::Contains((directory.path() / "file" / "artifacts").string()));
}
