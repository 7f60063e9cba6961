// What must hold of every net of the registry: the file formats lose nothing, and what a cut leaves can be trained.
#include <catch2/catch.hpp>
#include <random>

#include "eval/formats/safetensors.h"
#include "prune/criteria/catalog.h"
#include "prune/criteria/criterion.h"
#include "prune/surgery.h"
#include "support/temporary_directory.h"
#include "support/tiny_data.h"
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

/// Gradients of one step are finite and move something.
void check_training_step(const prune::Cut& cut) {
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

/// As its tests need it, in bounds that keep the case quick.
storage::Json options_of(const prune::CriterionEntry& entry, const storage::Json& given) {
  storage::Json options = given;
  for (const storage::Option& option : entry.options)
    if (option.name == "images" || option.name == "trace_images") options[option.name] = 7;
  return storage::check_options(entry.options, options, entry.name);
}

bool has_batch_norm_everywhere(const eval::NetSpec& spec, const prune::ChannelGroups& groups) {
  const auto readers = eval::consumers(spec);
  for (const prune::ChannelGroup& group : groups.groups)
    if (group.fixed.empty() && std::none_of(group.producers.begin(), group.producers.end(), [&](int producer) {
          return readers[producer].size() == 1 && spec.layers[readers[producer][0]].kind == eval::LayerKind::batch_norm;
        }))
      return false;
  return true;
}

/// Local response normalisation looks at the channels beside each, and a window closes up over those that are cut, as it must: a masked net
/// has zeros there. With alpha 0 nothing is looked at, and both nets are the same.
eval::NetSpec with_blind_normalisation(eval::NetSpec spec) {
  for (eval::Layer& layer : spec.layers)
    if (layer.kind == eval::LayerKind::local_response_norm) layer.alpha = 0;
  return spec;
}

}  // namespace

TEST_CASE("every criterion cuts every net to half, and the cut net is the masked one and trains a step") {
  std::mt19937_64 random(3);
  support::TinyData data({3, 32, 32}, 7);
  for (int i = 0; i < 14; ++i) {
    std::vector<std::uint8_t> pixels(3 * 32 * 32);
    for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>((random() % 128 + 18 * (i % 7)) & 255);
    data.add(i < 7 ? eval::Split::train : eval::Split::validation, i % 7, std::move(pixels));
  }
  const eval::Normalisation normalisation = eval::measure_normalisation(data);
  std::vector<std::pair<const prune::CriterionEntry*, storage::Json>> criteria;
  for (const prune::CriterionEntry& entry : prune::criterion_catalog())
    if (!entry.unstructured) criteria.emplace_back(&entry, options_of(entry, storage::Json::object()));
  criteria.emplace_back(&prune::criterion_entry("lda"), options_of(prune::criterion_entry("lda"), {{"variant", "wilks"}}));
  std::vector<eval::NetSpec> specs{support::gated_net(32, 7), support::shuffled_net(32, 7)};
  for (const eval::NetEntry& known : eval::net_registry()) specs.push_back(with_blind_normalisation(support::small_instance(known.name)));
  for (const eval::NetSpec& spec : specs) {
    const prune::ChannelGroups groups = prune::channel_groups(spec);
    const eval::Weights weights = eval::initial_weights(spec, 1);
    const eval::Net net(spec, eval::clone(weights));
    prune::AllocationBase base{eval::cost(spec), {}};
    for (const prune::ChannelGroup& group : groups.groups) base.channels.push_back(group.size);
    const Tensor images = torch::randn({2, 3, 32, 32});
    for (const auto& [entry, options] : criteria) {
      INFO(spec.name << " " << entry->name << " " << options.dump());
      const auto criterion = prune::make_criterion(entry->name, options);
      const prune::ScoringTask task{net, groups, &data, normalisation, 1};
      if (entry->name == "bn_scale" && !has_batch_norm_everywhere(spec, groups)) {
        CHECK_THROWS_WITH(criterion->score(task), Catch::Contains("protect"));
        continue;
      }
      const prune::Scoring scoring = criterion->score(task);
      const prune::Allocation allocation =
          prune::allocate(spec, groups, scoring.scores, {prune::PruneRequest::Kind::keep, 0.5, prune::Budget::macs},
                          prune::allocation_method_from_string(entry->default_allocation(options)), {}, base, scoring.spreads);
      CHECK(allocation.target_reached);
      const prune::Cut cut = prune::cut(spec, groups, weights, allocation.mask);
      CHECK(static_cast<double>(eval::cost(cut.spec).macs) <= 0.5 * static_cast<double>(base.cost.macs));
      torch::NoGradGuard no_grad;
      const Tensor masked = net.forward(images, false, prune::masking_tap(groups, allocation.mask));
      const Tensor scores = eval::Net(cut.spec, eval::clone(cut.weights)).forward(images, false);
      CHECK((scores - masked).abs().max().item<double>() <= 1e-5 * masked.abs().max().item<double>());
      torch::AutoGradMode gradients(true);
      check_training_step(cut);
    }
  }
}

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

    check_training_step(cut);
  }
}
