#include "eval/layer_latency.h"

#include <torch/script.h>

#include <catch2/catch.hpp>

#include "eval/latency.h"
#include "tests/support/tiny_nets.h"

namespace {

using Axis = std::vector<int>;

eval::LayerLatency axes_of(const eval::NetSpec& spec, const char* name) {
  const std::optional<eval::LayerLatency> axes = eval::latency_axes(spec, eval::find_layer(spec, name));
  REQUIRE(axes);
  return *axes;
}

}  // namespace

TEST_CASE("layers are measured at shares of their channels, where they can have them") {
  const eval::NetSpec plain = support::plain_net();  // 1 -> 8 -> 16 -> 4
  CHECK(axes_of(plain, "conv1").inputs == Axis{1});  // an image's
  CHECK(axes_of(plain, "conv1").outputs == Axis{1, 2, 4, 6, 8});
  CHECK(axes_of(plain, "relu1").outputs == Axis{1, 2, 4, 6, 8});
  CHECK(axes_of(plain, "relu1").inputs.size() == 1);
  CHECK(axes_of(plain, "conv2").inputs == Axis{1, 2, 4, 6, 8});
  CHECK(axes_of(plain, "conv2").outputs == Axis{1, 2, 4, 8, 12, 16});
  CHECK(axes_of(plain, "fc").inputs == Axis{1, 2, 4, 8, 12, 16});
  CHECK(axes_of(plain, "fc").outputs == Axis{4});  // the classes
  for (const char* nothing : {"input", "bn1", "bn2"}) CHECK_FALSE(eval::latency_axes(plain, eval::find_layer(plain, nothing)));

  const eval::NetSpec coupled = support::coupled_net();
  CHECK(axes_of(coupled, "depthwise").inputs.size() == 1);
  CHECK(axes_of(coupled, "depthwise").outputs == Axis{1, 2, 4, 6, 8});
  CHECK(axes_of(coupled, "grouped").inputs == Axis{4, 8});  // of four groups
  CHECK(axes_of(coupled, "grouped").outputs == Axis{4, 8, 12});
  CHECK(axes_of(coupled, "joined").outputs == Axis{2, 4, 10, 14, 18});       // of two inputs
  CHECK(axes_of(coupled, "flatten").outputs == Axis{4, 8, 20, 36, 56, 72});  // of 2 x 2 maps
  CHECK_FALSE(eval::latency_axes(coupled, eval::find_layer(coupled, "dropout")));
}

TEST_CASE("each layer of every net is a net by itself, with the channels that are asked for") {
  std::vector<eval::NetSpec> specs{support::plain_net(), support::coupled_net(), support::gated_net(), support::shuffled_net(),
                                   support::grouped_net()};
  for (const eval::NetEntry& entry : eval::net_registry()) specs.push_back(support::small_instance(entry.name));
  for (const eval::NetSpec& spec : specs) {
    INFO(spec.name);
    for (int i = 0; i < static_cast<int>(spec.layers.size()); ++i) {
      const std::optional<eval::LayerLatency> axes = eval::latency_axes(spec, i);
      if (!axes) continue;
      INFO(spec.layers[static_cast<std::size_t>(i)].name);
      for (const int inputs : {axes->inputs.front(), axes->inputs.back()})
        for (const int outputs : axes->outputs) {
          const eval::LayerProbe probe = eval::layer_probe(spec, i, inputs, outputs);
          CHECK(eval::output_shapes(probe.with).back().channels == outputs);
          CHECK(probe.without.layers.size() + 1 == probe.with.layers.size());
        }
    }
  }
  const eval::NetSpec plain = support::plain_net();
  CHECK(eval::layer_probe(plain, eval::find_layer(plain, "conv1"), 1, 4).with.layers.back().bias);  // the batch norm's shift
}

TEST_CASE("layers of every kind run by themselves") {
  for (const eval::NetSpec& spec : {support::coupled_net(), support::gated_net(), support::shuffled_net()}) {
    for (int i = 0; i < static_cast<int>(spec.layers.size()); ++i) {
      const std::optional<eval::LayerLatency> axes = eval::latency_axes(spec, i);
      if (!axes) continue;
      INFO(spec.name << " " << spec.layers[static_cast<std::size_t>(i)].name);
      const eval::NetSpec probe = eval::layer_probe(spec, i, axes->inputs.back(), axes->outputs[0]).with;
      const eval::Shape input = eval::output_shapes(probe).front();
      eval::Weights weights;
      for (const auto& [name, sizes] : eval::tensor_sizes(probe)) weights[name] = torch::ones(sizes);
      torch::jit::Module module = eval::frozen_module(eval::Net(probe, std::move(weights)));
      CHECK(module.forward({torch::rand({2, input.channels, input.height, input.width})}).toTensor().size(1) == axes->outputs[0]);
    }
  }
}

TEST_CASE("a table has each layer that takes time, and a narrower net takes less") {
  const eval::NetSpec spec = support::plain_net();
  double last = -1;
  const auto table = eval::measure_latency_table(spec, 2, torch::kCPU, [&](double done) {
    CHECK(done > last);
    last = done;
    return true;
  });
  REQUIRE(table);
  CHECK(table->batch == 2);
  for (int i = 0; i < static_cast<int>(spec.layers.size()); ++i)
    CHECK(table->layers.contains(spec.layers[static_cast<std::size_t>(i)].name) == eval::latency_axes(spec, i).has_value());
  CHECK(table->whole_ms == table->estimate(spec));
  for (const auto& [name, layer] : table->layers)
    for (const std::vector<double>& row : layer.ms)
      for (std::size_t o = 0; o < row.size(); ++o) CHECK(row[o] > (o == 0 ? 0 : row[o - 1]));
}

TEST_CASE("a layer takes its net's fastest run less the fastest of what is beside it, whichever the rounds") {
  const eval::NetSpec spec = support::gated_net();
  int round = 0;
  // ms in two rounds. Nothing: 5, 1. A layer: 7, 8. A map and the gate that a layer multiplies it by: 4, 6; the three: 9, 7.
  const auto time_of = [&](const eval::NetSpec& net) -> double {
    if (net.layers.size() == 1) return ++round == 1 ? 5 : 1;
    if (net.layers.back().name == "gate") return round == 1 ? 4 : 6;
    return net.layers.size() == 2 ? 6 + round : 11 - 2 * round;
  };
  const auto table = eval::measure_latency_table(spec, 1, time_of, [](double) { return true; });
  REQUIRE(table);
  CHECK(round == 2);
  CHECK(table->call_ms == 1);
  for (const auto& [name, layer] : table->layers) {
    INFO(name);
    CHECK(layer.ms.back().back() == (name.starts_with("gated") ? 7 - 4 : 7 - 1));
  }
}

TEST_CASE("measuring stops when it is told to") {
  int asked = 0;
  CHECK_FALSE(eval::measure_latency_table(support::plain_net(), 1, torch::kCPU, [&](double) { return ++asked < 3; }));
  CHECK(asked == 3);
}
