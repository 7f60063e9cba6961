#include "eval/gradient_check.h"

#include <torch/version.h>

#include <catch2/catch.hpp>
#include <limits>
#include <random>

#include "prune/surgery.h"
#include "support/random_mask.h"
#include "support/tiny_nets.h"

using torch::Tensor;

namespace {

/// Convolutions in bf16 whose channels are no multiple of 8 read memory that was never written: in Debian 13's LibTorch, on some processors
/// (seen on an Intel Xeon with AMX, and not on an AMD EPYC with avx512_bf16).
bool may_be_wrong() {
  return std::string(TORCH_VERSION).starts_with("2.6.");
}

std::string fault(const eval::NetSpec& spec, const eval::Weights& weights, float factor = 1) {
  const eval::Shape input = eval::output_shapes(spec).front();
  torch::manual_seed(3);
  const Tensor images =
      (torch::randn({32, input.channels, input.height, input.width}) * factor).contiguous(torch::MemoryFormat::ChannelsLast);
  const Tensor labels = torch::randint(0, eval::output_shapes(spec).back().channels, {32}, torch::kInt64);
  return eval::gradient_fault(eval::Net(spec, weights), images, labels, eval::Precision::bf16);
}

}  // namespace

TEST_CASE("poisoned memory holds NaN until it is written") {
  const eval::PoisonedMemory poisoned(torch::kCPU);
  for (const std::int64_t size : {1 << 10, 1 << 16, 1 << 22}) CHECK(torch::empty({size}).isnan().all().item<bool>());
}

TEST_CASE("bf16 gives the gradients of fp32, in whole nets and in nets cut to odd widths") {
  if (!eval::has_bf16(torch::kCPU)) return;
  if (may_be_wrong()) return;
  std::mt19937_64 random(5);
  for (const char* name : {"vgg16_bn", "googlenet", "squeezenet1_1", "mobilenet_v2", "resnet18"}) {
    INFO(name);
    const eval::NetSpec whole = support::small_instance(name);
    const eval::Weights weights = eval::initial_weights(whole, 1);
    CHECK(fault(whole, weights) == "");
    const prune::ChannelGroups groups = prune::channel_groups(whole);
    const prune::Cut cut = prune::cut(whole, groups, weights, support::random_mask(groups, random));
    CHECK(fault(cut.spec, cut.weights) == "");
  }
  const eval::NetSpec gated = support::gated_net();
  CHECK(fault(gated, eval::initial_weights(gated, 1)) == "");
}

TEST_CASE("a gradient that is not finite is a fault, and the net stays as it is") {
  const eval::NetSpec spec = support::plain_net();
  const eval::Weights weights = eval::initial_weights(spec, 1);
  CHECK(fault(spec, weights) == "");
  CHECK(fault(spec, weights, std::numeric_limits<float>::infinity()).ends_with(" in bf16 is not finite"));
  CHECK(torch::equal(weights.at("bn1.running_mean"), torch::zeros({8})));
}
