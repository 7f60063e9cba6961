// Nets that the user brings: read from a file, fitted to the data, narrowed, and part of what a run is compared by.
#include <catch2/catch.hpp>

#include "prune/own_net.h"
#include "search/experiment/nets.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "tests/support/small_experiment.h"
#include "tests/support/tiny_nets.h"

using search::Experiment;

namespace {

eval::NetSpec ten_classes() {
  return support::plain_net(1, 10);
}

}  // namespace

TEST_CASE("a net of one's own gets the data's classes, and is narrowed by units of its groups") {
  const eval::NetSpec spec = ten_classes();
  const eval::NetSpec fit = prune::fitted(spec, 1, {1, 8, 8}, 4);
  CHECK(fit.layers.back().channels == 4);
  CHECK(fit.layers[1].channels == 8);
  const eval::NetSpec half = prune::fitted(spec, 0.5, {1, 8, 8}, 4);
  CHECK(half.layers[static_cast<std::size_t>(eval::find_layer(half, "conv1"))].channels == 4);
  CHECK(half.layers[static_cast<std::size_t>(eval::find_layer(half, "conv2"))].channels == 8);
  CHECK(half.layers.back().channels == 4);
  CHECK(prune::fitted(support::coupled_net(), 0.5, {3, 8, 8}, 5).layers.back().channels == 5);
  CHECK_THROWS_WITH(prune::fitted(spec, 1, {3, 8, 8}, 4), Catch::Contains("takes images of 1x8x8") && Catch::Contains("3x8x8"));
  CHECK_THROWS_WITH(prune::fitted(spec, 2, {1, 8, 8}, 4), Catch::Contains("width 2"));
}

TEST_CASE("an experiment takes nets from files, and knows them again by what is in them") {
  support::SmallExperiment small;
  const eval::NetSpec spec = [] {
    eval::NetBuilder net("mine", {1, 32, 32});
    const int x = net.relu("relu", net.convolution("conv", net.input(), 8, {3, 1, 1}));
    net.linear("fc", net.flatten("flatten", net.adaptive_average_pool("global", x, 1)), 3);
    return std::move(net).build();
  }();
  storage::write_file(small.path() / "net.json", eval::to_json(spec).dump());
  storage::write_file(small.path() / "net.onnx", "as the worker would read it");
  std::string asked;
  const auto load = [&](const std::string& nets) {
    small.lines[4] = "nets: " + nets;
    return search::load_experiment(small.write(), {}, [&](const std::filesystem::path& path) {
      asked = path.filename().string();
      return path.extension() == ".json" ? search::describe_net_json(path) : spec;
    });
  };
  const Experiment by_json = load("[{spec: net.json}]");
  CHECK(by_json.nets[0].name == "net");
  CHECK_FALSE(by_json.nets[0].weights);
  const Experiment by_onnx = load("[{name: mine, onnx: net.onnx}]");
  CHECK(asked == "net.onnx");
  CHECK(by_onnx.nets[0].name == "mine");
  CHECK(by_onnx.nets[0].weights->path.filename() == "net.onnx");
  CHECK(located(by_onnx.nets[0]).identity.at("spec") == eval::to_json(spec));
  CHECK_FALSE(located(by_onnx.nets[0]).identity.at("weights").contains("path"));
  const search::NetRequest narrow = search::narrowed(by_onnx.nets[0], by_onnx.data.begin()->second.targets.begin()->second,
                                                     {prune::PruneRequest::Kind::keep, 0.5, prune::Budget::macs});
  CHECK(narrow.width == Approx(0.562).margin(0.001));  // rounds to 4 of 8 channels
  CHECK_FALSE(narrow.weights);
  CHECK(search::make_net(by_json.nets[0], by_json.data.begin()->second.targets.begin()->second).layers.back().channels == 10);

  const search::NetRequest inserted = load("[{onnx: net.onnx, insert_batch_norm: true}]").nets[0];
  CHECK(inserted.spec == prune::with_batch_norm(spec));
  CHECK(located(inserted).identity.at("weights").at("insert_batch_norm") == true);
  CHECK_FALSE(located(by_onnx.nets[0]).identity.at("weights").contains("insert_batch_norm"));
  CHECK_THROWS_WITH(load("[{name: vgg11, insert_batch_norm: true}]"),
                    Catch::Contains("insert_batch_norm: 'true' is for a net of your own"));

  CHECK_THROWS_WITH(load("[{spec: none.json}]"), Catch::Contains("is no file"));
  CHECK_THROWS_WITH(load("[{width: 0.5}]"), Catch::Contains("or a file: onnx, spec or weights"));
  small.lines[4] = "nets: [{onnx: net.onnx}]";
  CHECK_THROWS_WITH(search::load_experiment(small.write()), Catch::Contains("net.onnx: is no JSON"));
}
