#include "eval/cost.h"

#include <catch2/catch.hpp>

#include "eval/nets/dot.h"
#include "tests/support/tiny_nets.h"

using namespace eval;

TEST_CASE("parameters and multiply-accumulates of each layer") {
  NetBuilder net("cost", {4, 8, 8});
  const int grouped = net.convolution("grouped", net.input(), 6, {3, 2, 1}, true, 2);  // to 6x4x4
  const int norm = net.batch_norm("norm", grouped);
  const int depthwise = net.convolution("depthwise", norm, 6, {3, 1, 1}, false, 6);
  const int joined = net.concat("join", {norm, depthwise});
  net.linear("fc", net.flatten("flat", net.max_pool("pool", net.relu("relu", joined), {2, 2})), 10);
  const NetSpec spec = std::move(net).build();

  const std::vector<Cost> costs = layer_costs(spec);
  const auto of = [&](const char* name) { return costs[find_layer(spec, name)]; };
  CHECK(of("grouped") == Cost{6 * 2 * 9 + 6, 6 * 2 * 9 * 16});
  CHECK(of("norm") == Cost{12, 0});
  CHECK(of("depthwise") == Cost{6 * 9, 6 * 9 * 16});
  CHECK(of("fc") == Cost{48 * 10 + 10, 480});  // 12 channels of 2x2
  for (const char* name : {"input", "join", "relu", "pool", "flat"}) CHECK(of(name) == Cost{0, 0});
  CHECK(cost(spec) == Cost{114 + 12 + 54 + 490, 1728 + 864 + 480});
}

TEST_CASE("costs above 32 bits are exact") {
  NetBuilder net("large", {1024, 512, 512});
  net.convolution("conv", net.input(), 1024, {3, 1, 1}, false);
  CHECK(cost(std::move(net).build()) == Cost{9437184, 2473901162496});  // 9 * 2^20, and that times 2^18
}

TEST_CASE("flops as fvcore counts them: two for each value that batch norm reads, one for each that adaptive pooling reads") {
  const eval::NetSpec spec = support::plain_net();
  const std::int64_t normalised = 8 * 8 * 8 + 16 * 4 * 4, pooled = 16 * 4 * 4;
  CHECK(eval::fvcore_flops(spec) == eval::cost(spec).macs + 2 * normalised + pooled);
}

TEST_CASE("a net as a graph for Graphviz: a node a layer, an edge an input, names quoted") {
  eval::NetBuilder builder("a \"net\"", {1, 2, 2});
  builder.linear("fc", builder.flatten("flatten", builder.add("sum", {0, builder.relu("relu", 0)})), 3);
  CHECK(eval::to_dot(std::move(builder).build()) ==
        "digraph \"a \\\"net\\\"\" {\n  node [shape=box, fontname=\"sans-serif\"];\n"
        "  n0 [label=\"input\ninput\n1x2x2\"];\n"
        "  n1 [label=\"relu\nrelu\n1x2x2\"];\n  n0 -> n1;\n"
        "  n2 [label=\"sum\nadd\n1x2x2\"];\n  n0 -> n2;\n  n1 -> n2;\n"
        "  n3 [label=\"flatten\nflatten\n4x1x1\"];\n  n2 -> n3;\n"
        "  n4 [label=\"fc\nlinear\n3x1x1\", style=bold];\n  n3 -> n4;\n}\n");
}

TEST_CASE("values alive at once, by hand") {
  // A chain: the input of 64 and conv1's 8x8x8 = 512; those and pool's 8x4x4 = 128; 128 and conv2's 16x4x4 = 256; 256 and 16; 16 and 4.
  // Batch norm and ReLU write over the convolution's output, flatten hands on.
  CHECK(peak_activations(support::plain_net()) == 512 + 128);

  // A residual block of 2x4x4 = 32 values a map: the first ReLU reads the input, which stays. While `body` is made, the map that the sum
  // needs again, conv's input, is there too; conv's own output may be overwritten by its ReLU.
  NetBuilder residual("residual", {2, 4, 4});
  const int first = residual.relu("first", residual.input());
  const int body = residual.relu("relu", residual.convolution("conv", first, 2, {3, 1, 1}));
  const int wide = residual.convolution("wide", body, 8, {3, 1, 1});  // 128, with `first` and its own input
  const int back = residual.convolution("back", wide, 2, {3, 1, 1});  // 128 + 32, with `first`
  const int sum = residual.add("sum", {first, back});                 // three maps of 32
  residual.linear("fc", residual.flatten("flat", residual.dropout("drop", sum, 0.5)), 3);
  CHECK(peak_activations(std::move(residual).build()) == 32 + 32 + 128);

  // What two layers read is not overwritten by the first of them: 48 for each of conv, relu and the join of 96.
  NetBuilder shared("shared", {1, 4, 4});
  const int conv = shared.convolution("conv", shared.input(), 3, {1, 1, 0});
  shared.concat("join", {shared.relu("relu", conv), conv});
  CHECK(peak_activations(std::move(shared).build()) == 48 + 48 + 96);
}
