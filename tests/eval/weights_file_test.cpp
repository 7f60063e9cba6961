#include "eval/formats/weights_file.h"

#include <catch2/catch.hpp>
#include <limits>

#include "eval/formats/onnx.h"
#include "eval/formats/safetensors.h"
#include "eval/nets/net_info.h"
#include "storage/base/file.h"
#include "support/temporary_directory.h"
#include "support/throws.h"
#include "support/tiny_nets.h"

using Catch::Contains;
using Catch::EndsWith;

namespace {

struct WeightsFile {
  support::TemporaryDirectory directory;
  std::filesystem::path path = directory.path() / "w.safetensors";
  eval::NetSpec spec = support::plain_net();
  eval::Weights weights = eval::initial_weights(spec, 1);

  /// What is said of weights under these names.
  std::string message(const std::function<std::string(const std::string&)>& rename) const {
    eval::Weights renamed;
    for (const auto& [name, tensor] : weights) renamed[rename(name)] = tensor;
    return support::error_of([&] { eval::require_names(path, spec, renamed); }).what();
  }
};

}  // namespace

TEST_CASE("a prefix that all names have is told as such, a missing name with the nearest") {
  const WeightsFile file;
  eval::require_names(file.path, file.spec, file.weights);
  CHECK_THAT(
      file.message([](const std::string& name) { return "module." + name; }),
      Contains(
          "w.safetensors: its tensors are named as 'module.bn1.bias', where the net 'plain' has 'bn1.bias'; valid: without 'module.'"));
  CHECK_THAT(
      file.message([](const std::string& name) { return name == "conv2.weight" ? "convt2.weight" : name; }),
      EndsWith("w.safetensors: 1 of the 12 tensors of the net 'plain' are missing, the first is 'conv2.weight'; the nearest in the file is "
               "'convt2.weight'"));
}

TEST_CASE("weights that are no numbers are named, in both formats") {
  WeightsFile file;
  file.weights.at("conv1.weight").view({-1})[3] = std::numeric_limits<float>::quiet_NaN();
  file.weights.at("conv1.weight").view({-1})[5] = std::numeric_limits<float>::infinity();
  eval::write_net(file.path, file.spec, file.weights);
  const std::string onnx = (file.directory.path() / "W.ONNX").string();
  eval::write_onnx(onnx, file.spec, file.weights);
  for (const std::string& path : {file.path.string(), onnx})
    CHECK_THAT(support::error_of([&] { eval::read_weights(path); }).what(),
               EndsWith(": tensor conv1.weight: 2 of its 72 values are NaN or infinite"));
}

TEST_CASE("what torch.save wrote is told from broken safetensors") {
  const WeightsFile file;
  storage::write_file(file.path, std::string("PK\x03\x04\0\0\x08\x08 archive/data.pkl", 25));
  CHECK_THAT(support::error_of([&] { eval::read_weights(file.path); }).what(),
             EndsWith("it begins as what torch.save writes; valid: "
                      "safetensors.torch.save_file(net.state_dict(), FILE)"));
}

TEST_CASE("what is known of a net's use outlives safetensors and ONNX, less what does not fit the net") {
  const WeightsFile file;
  const eval::NetInfo info{"what", {"a", "b, c", "\"d\"", "e"}, {0.25F}, {0.5F}};
  eval::write_net(file.path, file.spec, file.weights, {}, info);
  CHECK(eval::net_info_from_metadata(eval::read_safetensors(file.path).metadata) == info);
  CHECK(eval::read_safetensors(file.path).metadata.at("input_size") == "[1, 8, 8]");
  CHECK(eval::read_safetensors(file.path).metadata.at("colours") == "grey");
  const auto onnx = file.directory.path() / "n.onnx";
  eval::write_onnx(onnx, file.spec, file.weights, info);
  CHECK(eval::read_onnx(onnx).info == info);
  CHECK(eval::fitting(info, support::plain_net(3, 4)) == eval::NetInfo{"what", info.class_names, {}, {}});
  CHECK(eval::fitting(info, support::plain_net(1, 5)) == eval::NetInfo{"what", {}, info.mean, info.deviation});
  CHECK(eval::net_info_from_metadata({{"class_names", "cat, dog"}, {"mean", "[0.5]"}}) == eval::NetInfo());
  CHECK(eval::net_info_from_metadata({{"task", "what"}, {"class_names", R"(["a", "b"])"}, {"mean", "[0.5]"}, {"deviation", "[0]"}}) ==
        eval::NetInfo{"what", {"a", "b"}, {}, {}});
  CHECK(eval::net_info_from_metadata({{"task", "what"}, {"class_names", "cat, dog"}, {"mean", "[0.5]"}, {"deviation", "[2]"}}) ==
        eval::NetInfo{"what", {}, {0.5F}, {2.0F}});
  CHECK_THAT(support::error_of([&] { eval::write_onnx(onnx, file.spec, file.weights, {}, {.end_to_end = true}); }).what(),
             Contains("does not say by which mean and deviation"));
}

TEST_CASE("a text of the metadata that is not UTF-8 is passed over") {
  const WeightsFile file;
  const auto onnx = file.directory.path() / "n.onnx";
  eval::write_onnx(onnx, file.spec, file.weights, {"caf\xe9", {"a", "b", "c", "d"}, {}, {}});  // Latin-1
  const eval::NetInfo info = eval::read_onnx(onnx).info;
  CHECK(info == eval::NetInfo{"", {"a", "b", "c", "d"}, {}, {}});
  CHECK_NOTHROW(eval::write_net(file.path, file.spec, file.weights, {}, info));
}

TEST_CASE("means and deviations that no image can be normalised by are refused") {
  const double infinite = std::numeric_limits<double>::infinity(), none = std::numeric_limits<double>::quiet_NaN();
  for (const auto& [mean, deviation] :
       std::vector<std::pair<double, double>>{{infinite, 1}, {none, 1}, {0.5, 0}, {0.5, -1}, {0.5, infinite}, {0.5, none}}) {
    INFO(mean << " " << deviation);
    const storage::Json json{{"mean", std::vector{mean}}, {"deviation", std::vector{deviation}}};
    CHECK_THAT(support::error_of([&] { eval::net_info_from_json(json); }).what(),
               Contains("valid: finite means, and finite deviations above 0"));
  }
  CHECK(eval::net_info_from_json({{"mean", {-0.5}}, {"deviation", {2.0}}}) == eval::NetInfo{"", {}, {-0.5F}, {2.F}});
}
