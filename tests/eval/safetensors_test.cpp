#include "eval/formats/safetensors.h"

#include <catch2/catch.hpp>

#include "storage/base/error.h"
#include "storage/base/file.h"
#include "support/temporary_directory.h"

using storage::Json;

namespace {

std::string bytes_of(std::uint64_t length, const std::string& header, const std::string& data) {
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}
std::string bytes_of(const std::string& header, const std::string& data) {
  return bytes_of(header.size(), header, data);
}

}  // namespace

TEST_CASE("a file written by hand is read") {
  const support::TemporaryDirectory directory;
  // 1.0f and -2.0f, little endian
  storage::write_file(directory.path() / "a",
                      bytes_of(R"({"__metadata__":{"k":"v"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})",
                               std::string("\0\0\x80\x3f\0\0\0\xc0", 8)));
  const eval::TensorFile file = eval::read_safetensors(directory.path() / "a");
  CHECK(file.metadata.at("k") == "v");
  CHECK(file.tensors.at("w").equal(torch::tensor({{1.F}, {-2.F}})));
}

TEST_CASE("tensors come back bit for bit, whatever their type and memory order") {
  const support::TemporaryDirectory directory;
  torch::manual_seed(1);
  const eval::Weights weights{{"a", torch::randn({3, 4, 2, 2}).contiguous(torch::MemoryFormat::ChannelsLast)},
                              {"b", torch::randn({5}).to(torch::kBFloat16)},
                              {"c", torch::tensor({1, -5}, torch::kInt64)},
                              {"d", torch::tensor(std::numeric_limits<float>::quiet_NaN())},
                              {"empty", torch::empty({0, 3})}};
  eval::write_safetensors(directory.path() / "a", {weights, {{"x", "y"}}});
  eval::write_safetensors(directory.path() / "b", eval::read_safetensors(directory.path() / "a"));
  CHECK(storage::read_file(directory.path() / "a") == storage::read_file(directory.path() / "b"));
  const eval::TensorFile file = eval::read_safetensors(directory.path() / "a");
  CHECK(file.tensors.at("a").equal(weights.at("a")));
  CHECK(file.tensors.at("b").equal(weights.at("b")));
  CHECK(file.tensors.at("d").isnan().item<bool>());
  CHECK(file.tensors.at("empty").sizes() == torch::IntArrayRef({0, 3}));
}

TEST_CASE("hostile files are refused with what is wrong") {
  const support::TemporaryDirectory directory;
  const auto refused = [&](const std::string& bytes, const std::string& why) {
    storage::write_file(directory.path() / "x", bytes);
    CHECK_THROWS_WITH(eval::read_safetensors(directory.path() / "x"), Catch::Contains(why));
  };
  const std::string four(4, '\0');
  refused("abc", "shorter than 8 bytes");
  refused(bytes_of(1ULL << 60, "{}", ""), "its header claims");
  refused(bytes_of("{", ""), "no JSON object");
  refused(bytes_of("[]", ""), "no JSON object");
  refused(bytes_of(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", four), "outside the 4 bytes");
  refused(bytes_of(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", four), "outside");
  refused(bytes_of(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", four), "needs 8 bytes");
  refused(bytes_of(R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", four), "no size");
  refused(bytes_of(R"({"w":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,4]}})", four),
          "out of range");
  refused(bytes_of(R"({"w":{"dtype":"Q3","shape":[1],"data_offsets":[0,4]}})", four), "unsupported type");
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');  // printed, it would overflow the stack
  refused(bytes_of(R"({"w":{"dtype":)" + deep + R"(,"shape":[],"data_offsets":[0,4]}})", four), "unsupported type array");
  refused(bytes_of(R"({"w":{"dtype":"F32","shape":[)" + deep + R"(],"data_offsets":[0,4]}})", four), "array is no size");
  refused(bytes_of(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"v":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", four),
          "was expected");
  refused(bytes_of(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", four + four), "belong to no tensor");
  refused(bytes_of(R"({"w":{"dtype":"F32","shape":[1]}})", four), "needs exactly");
  refused(bytes_of(R"({"__metadata__":{"a":1}})", ""), "no text");
  CHECK_THROWS_WITH(eval::read_safetensors(directory.path() / "absent"), Catch::Contains("absent"));
  refused(bytes_of(R"({"w":{"dtype":"F32","shape":[0,4611686018427387904,4611686018427387904],"data_offsets":[0,0]}})", ""),
          "tensor w: the size 4611686018427387904 is out of range");
}

TEST_CASE("kept channels that are no lists of numbers by layer are refused, however deep they are nested") {
  const auto refused = [](const std::string& kept, const std::string& why) {
    CHECK_THROWS_WITH(
        eval::require_kept("net.safetensors", Json::parse(kept)),
        Catch::Contains("net.safetensors: the metadata 'kept' is " + why + "; valid: a list of channel numbers for each layer"));
  };
  eval::require_kept("net.safetensors", Json::parse(R"({"conv1": [0, 2], "fc": [1]})"));
  refused("5", "5");
  refused("[0]", "array");
  refused(R"({"fc": 5})", "not of this form");
  refused(R"({"fc": [-1]})", "not of this form");
  refused(R"({"fc": [0.5]})", "not of this form");
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');  // printed, it would overflow the stack
  refused(deep, "array");
  refused(R"({"fc": )" + deep + "}", "not of this form");
}
