#include "eval/latency_table.h"

#include <catch2/catch.hpp>

#include "tests/support/tiny_nets.h"

TEST_CASE("a layer's time lies between those measured, and is that of the edge beyond them") {
  const eval::LayerLatency layer{{1, 4}, {2, 6}, {{1, 3}, {4, 10}}};
  CHECK(layer.at(1, 2) == 1);
  CHECK(layer.at(4, 6) == 10);
  CHECK(layer.at(1, 4) == 2);
  CHECK(layer.at(2.5, 4) == 4.5);  // half of the way from 2 to 7
  CHECK(layer.at(2, 6) == Approx(3 + 7.0 / 3));
  CHECK(layer.at(0, 0) == 1);
  CHECK(layer.at(9, 9) == 10);
  const eval::LayerLatency of_outputs{{3}, {2, 6}, {{1, 3}}};  // its inputs decide nothing
  for (const double inputs : {1, 3, 9}) CHECK(of_outputs.at(inputs, 4) == 2);
}

TEST_CASE("more channels take longer, at least one part in a hundred from one entry to the next") {
  eval::LayerLatency layer{{1, 4}, {2, 6}, {{5, 4}, {6, 3}}};
  eval::make_rising(layer);
  CHECK(layer.ms[1][1] == 3);
  CHECK(layer.ms[1][0] == Approx(2.97));
  CHECK(layer.ms[0][1] == Approx(2.97));
  CHECK(layer.ms[0][0] == Approx(2.9403));
  eval::LayerLatency rises{{1}, {1, 2, 3}, {{1, 2, 3}}};
  eval::make_rising(rises);
  CHECK(rises.ms[0] == std::vector<double>{1, 2, 3});
}

TEST_CASE("a net takes a call and the sum of its layers, at the channels that it has") {
  eval::LatencyTable table{.batch = 4, .call_ms = 0.5};
  table.layers["conv1"] = {{1}, {2, 8}, {{1, 4}}};
  table.layers["conv2"] = {{2, 8}, {4, 16}, {{1, 3}, {5, 9}}};
  table.layers["fc"] = {{4, 16}, {4}, {{1}, {2}}};
  eval::NetSpec spec = support::plain_net();
  CHECK(table.estimate(spec) == 0.5 + 4 + 9 + 2);
  spec.layers[static_cast<std::size_t>(eval::find_layer(spec, "conv1"))].channels = 5;
  spec.layers[static_cast<std::size_t>(eval::find_layer(spec, "conv2"))].channels = 10;
  CHECK(table.estimate(spec) == 0.5 + 2.5 + 4.5 + 1.5);
  table.whole_ms = 15.5;
  const eval::LatencyTable again = eval::latency_table_from_json(eval::to_json(table));
  CHECK(again.batch == 4);
  CHECK(again.whole_ms == 15.5);
  CHECK(again.estimate(spec) == table.estimate(spec));
}
