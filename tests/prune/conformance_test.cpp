// What must hold of every net of the registry: the file formats lose nothing, and what a cut leaves can be trained.
#include <catch2/catch.hpp>
#include <random>

#include "eval/formats/safetensors.h"
#include "prune/surgery.h"
#include "support/temporary_directory.h"
#include "tests/support/random_mask.h"
#include "tests/support/tiny_nets.h"

using torch::Tensor;

namespace {

bool same_bits(const eval::Weights& a, const eval::Weights& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a)
    if (!b.contains(name) || !torch::equal(tensor, b.at(name))) return false;
  return true;
}

}  // namespace

TEST_CASE("every net, cut at random: JSON and safetensors come back equal, and it trains a step") {
  const support::TemporaryDirectory directory;
  std::mt19937_64 random(5);
  for (const eval::NetEntry& entry : eval::net_registry()) {
    INFO(entry.name);
    const eval::NetSpec whole = support::small_instance(entry.name);
    const prune::ChannelGroups groups = prune::channel_groups(whole);
    const prune::KeepMask mask = support::random_mask(groups, random);
    const prune::Cut cut = prune::cut(whole, groups, eval::initial_weights(whole, 1), mask);
    CHECK(eval::net_spec_from_json(storage::Json::parse(eval::to_json(cut.spec).dump())) == cut.spec);

    const auto file = directory.path() / "net.safetensors";
    const storage::Json kept = prune::kept_to_json(whole, groups, mask);
    eval::write_net(file, cut.spec, cut.weights, kept);
    const eval::TensorFile read = eval::read_safetensors(file);
    CHECK(same_bits(read.tensors, cut.weights));
    CHECK(eval::net_spec_from_json(storage::Json::parse(read.metadata.at("net_spec"))) == cut.spec);
    CHECK(prune::kept_from_json(whole, groups, storage::Json::parse(read.metadata.at("kept"))) == mask);

    torch::manual_seed(3);
    eval::Net net(cut.spec, eval::clone(cut.weights));
    net.require_gradients(true);
    const eval::Shape input = eval::output_shapes(cut.spec).front();
    const Tensor images = torch::randn({4, input.channels, input.height, input.width}), labels = torch::tensor({0, 1, 2, 3});
    const Tensor loss = at::cross_entropy_loss(net.forward(images, /*training=*/true), labels);
    loss.backward();
    CHECK(std::isfinite(loss.item<double>()));
    double moved = 0;
    for (Tensor& parameter : net.parameters()) {
      REQUIRE(parameter.grad().defined());
      torch::NoGradGuard no_grad;
      CHECK(torch::isfinite(parameter.grad()).all().item<bool>());
      moved += parameter.grad().abs().sum().item<double>();
    }
    CHECK(moved > 0);
  }
}
