#include <catch2/catch.hpp>

#include <cmath>
#include <fstream>
#include <limits>

#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/fingerprint.h"
#include "storage/base/json.h"
#include "storage/base/time.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using namespace storage;
using support::error_of;
using support::TemporaryDirectory;

namespace {

void put(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("exit codes are those of the documented interface") {
  CHECK(exit_code(ErrorKind::internal) == 1);
  CHECK(exit_code(ErrorKind::usage) == 2);
  CHECK(exit_code(ErrorKind::invalid) == 3);
  CHECK(exit_code(ErrorKind::storage) == 5);
  CHECK(exit_code(ErrorKind::environment) == 6);
}

TEST_CASE("numbers that JSON lacks are written as text and read back") {
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(number_to_json(0.1) == Json(0.1));
  CHECK(number_to_json(std::nan("")) == "nan");
  CHECK(number_to_json(inf) == "inf");
  CHECK(number_to_json(-inf) == "-inf");
  CHECK(number_from_json(3) == 3.0);
  CHECK(std::isnan(number_from_json("nan")));
  CHECK(number_from_json("inf") == inf);
  CHECK(number_from_json("-inf") == -inf);
  CHECK(error_of([] { number_from_json("many"); }).kind() == ErrorKind::invalid);
  CHECK(error_of([] { number_from_json(nullptr); }).kind() == ErrorKind::invalid);
}

TEST_CASE("times of the database are read, with or without a fraction") {
  CHECK(storage::seconds_of("1970-01-02T00:00:01Z") == 86401.0);
  CHECK(storage::seconds_of("2001-09-09T01:46:40.250Z") == 1e9 + 0.25);
  CHECK_FALSE(storage::seconds_of("yesterday"));
  CHECK_FALSE(storage::seconds_of(""));
}

// The vectors of FIPS 180-4: the empty message, one block, two blocks, a million times 'a'.
TEST_CASE("SHA-256 gives the published digests") {
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(storage::sha256_base64("abc") == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a file is hashed like its bytes, over more than one block") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  put(path, std::string(1000000, 'a'));
  CHECK(sha256_file(path) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  const std::string three_mebibytes(3 << 20, 'x');
  put(path, three_mebibytes);
  CHECK(sha256_file(path) == sha256(three_mebibytes));

  const Error missing = error_of([&] { sha256_file(directory.path() / "none"); });
  CHECK(missing.kind() == ErrorKind::invalid);
  CHECK_THAT(missing.what(), Catch::Contains("none") && Catch::Contains("No such file"));
}

TEST_CASE("a fingerprint is the head of the hash of the sorted dump") {
  CHECK(fingerprint(Json::parse(R"({"b": [true, "x"], "a": 1})")) == sha256(R"({"a":1,"b":[true,"x"]})").substr(0, 32));
  CHECK(fingerprint({{"a", 1}, {"b", 2}}) == fingerprint({{"b", 2}, {"a", 1}}));
  CHECK(fingerprint({{"a", 1}}) != fingerprint({{"a", 2}}));
  CHECK(error_of([] { fingerprint("\xff"); }).kind() == ErrorKind::invalid);
}

TEST_CASE("a link is followed, and what is no file is written into and stays what it is") {
  const TemporaryDirectory directory;
  put(directory.path() / "target", "old");
  std::filesystem::create_symlink("target", directory.path() / "link");
  write_file(directory.path() / "link", "new");
  CHECK(std::filesystem::is_symlink(directory.path() / "link"));
  CHECK(read_file(directory.path() / "target") == "new");
  std::filesystem::create_symlink("/dev/null", directory.path() / "device");
  write_file(directory.path() / "device", "nowhere");
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("a file's identity is its name, size and ends") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "data.bin";
  constexpr int end = 64 << 10;

  put(path, "abc");
  CHECK(file_identity(path) ==
        Json({{"name", "data.bin"}, {"size", 3}, {"sha256_of_ends", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}));

  SECTION("both ends count, the middle does not") {
    std::string bytes = std::string(end, 'h') + "middle" + std::string(end, 't');
    put(path, bytes);
    const Json identity = file_identity(path);
    CHECK(identity["sha256_of_ends"] == sha256(std::string(end, 'h') + std::string(end, 't')));
    bytes[0] = 'x';
    put(path, bytes);
    CHECK(file_identity(path) != identity);
    bytes[0] = 'h';
    bytes.back() = 'x';
    put(path, bytes);
    CHECK(file_identity(path) != identity);
  }
  SECTION("of a table the middle counts too") {
    std::string bytes = std::string(end, 'h') + "middle" + std::string(end, 't');
    put(path, bytes);
    const Json identity = text_identity(path);
    CHECK(identity["sha256"] == sha256(bytes));
    bytes[end] = 'x';
    put(path, bytes);
    CHECK(text_identity(path) != identity);
    put(path, "abc");
    CHECK(text_identity(path) == file_identity(path));
  }
  SECTION("ends that would overlap count each byte once") {
    put(path, std::string(end, 'h') + "tail");
    CHECK(file_identity(path)["sha256_of_ends"] == sha256(std::string(end, 'h') + "tail"));
  }
  SECTION("what is no file is refused by name") {
    CHECK_THAT(error_of([&] { file_identity(directory.path() / "none"); }).what(), Catch::Contains("none"));
    CHECK(error_of([&] { file_identity(directory.path()); }).kind() == ErrorKind::invalid);
  }
}
