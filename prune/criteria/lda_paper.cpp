#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "eval/batches.h"
#include "eval/cost.h"
#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"
#include "prune/deconv.h"

namespace prune {

using torch::Tensor;

namespace {

/// Where channels of sites enter other layers, and the mean over images of the utility map there, [C, H, W] or [C] (equation 11).
using Maps = std::map<int, Tensor>;

/// Of a group that several layers make: how the values of their maps lie, by the rule by which their scores become one.
void combine_spread(Combination combination, const Spread& next, std::size_t maps, Spread& spread) {
  spread.nonzero += next.nonzero;
  switch (combination) {
    case Combination::max:
      spread.deviation = std::max(spread.deviation, next.deviation);
      return;
    case Combination::sum:
      spread.deviation += next.deviation;
      return;
    case Combination::mean:
      spread.deviation += next.deviation / static_cast<double>(maps);
      return;
  }
}

/// Deep LDA pruning as published (Tian, Arbel, Clark 2021): v = Sb/Sw in the pre-decision layer, the fewest neurons that decide as well,
/// and their firings traced down by the deconvnet. The utility of a channel is the maximum over locations of the mean over images of the
/// map that enters the next layer (equation 12); the threshold is a multiple of the deviation of that layer's whole map (equation 13).
class LdaPaper : public Criterion {
 public:
  explicit LdaPaper(const storage::Json& options)
      : images_(options.at("images").get<std::int64_t>()),
        trace_images_(options.at("trace_images").get<std::int64_t>()),
        select_(options.at("select").get<std::int64_t>()),
        tolerance_(options.at("tolerance").get<double>()),
        firing_(options.at("firing") == "max" ? Firing::max : Firing::mean),
        unpooling_(options.at("unpool") == "add" ? Unpooling::add : Unpooling::place),
        is_spatial_(options.at("deviation") == "spatial") {}

  Scoring score(const ScoringTask& task) const override {
    torch::NoGradGuard no_grad;
    const std::span<const std::int64_t> train = task.data->split(eval::Split::train);
    const std::int64_t count = images_ > 0 ? images_ : std::ssize(train);
    const std::vector<std::int64_t> images = eval::sample_images(*task.data, count, task.seed);
    const Scatter scatter = measure_scatter(task, images, firing_);
    const Tensor utility = fisher_utility(scatter);
    const Selection selection = choose(task, scatter, utility);
    const Maps maps = trace(task, images_to_trace(task), selection.neurons);
    Scoring scoring = read(task, maps);
    scoring.images = std::ssize(images);
    scoring.details = pre_decision_details(task, scatter, utility, selection.neurons);
    scoring.details["selection_accuracy"] = selection.accuracy;
    scoring.details["tolerance_reached"] = selection.reached;
    return scoring;
  }

 private:
  /// M' on validation images, at most as many as are scored: the full net's accuracy less the tolerance is to be kept.
  Selection choose(const ScoringTask& task, const Scatter& scatter, const Tensor& utility) const {
    if (select_ > 0) return {most_useful(utility, select_), 0, true};
    const std::span<const std::int64_t> validation = task.data->split(eval::Split::validation);
    const std::vector<std::int64_t> images =
        eval::sample_of_classes(*task.data, validation, images_ > 0 ? images_ : std::ssize(validation), task.seed);
    const int layer = pre_decision_layer(task.net.spec());
    struct Decided {
      Tensor firings, labels;
      double right = 0;
    };
    std::vector<Tensor> firings, labels;
    double right = 0;
    eval::for_each_batch(
        task.net, *task.data, task.normalisation, images,
        eval::images_that_fit(2 * eval::peak_activations(task.net.spec()), eval::statistics_batch),
        [&](const Tensor& pixels, const Tensor& truth) {
          Decided decided{{}, truth.to(torch::kCPU)};
          const Tensor scores = task.net.forward(pixels, /*training=*/false, [&](int index, const Tensor& value) {
            if (index == layer) decided.firings = pre_decision_firings(value, firing_).to(torch::kCPU);
            return value;
          });
          decided.right = (scores.argmax(1) == truth).sum().item<double>();
          return decided;
        },
        [&](const Decided& decided) {
          firings.push_back(decided.firings);
          labels.push_back(decided.labels);
          right += decided.right;
        });
    const double accuracy = right / static_cast<double>(std::max<std::size_t>(images.size(), 1));
    return select_neurons(scatter, utility, at::cat(firings), at::cat(labels), accuracy - tolerance_);
  }

  /// `trace_images` of every class, as far as there are so many, in an order drawn by seed.
  std::vector<std::int64_t> images_to_trace(const ScoringTask& task) const {
    std::vector<std::int64_t> of_class(task.data->class_names().size(), 0), chosen;
    for (std::int64_t image : eval::shuffled(task.data->split(eval::Split::train), task.seed))
      if (of_class[task.data->labels()[image]]++ < trace_images_) chosen.push_back(image);
    return chosen;
  }

  Maps trace(const ScoringTask& task, const std::vector<std::int64_t>& images, const std::vector<std::int64_t>& neurons) const {
    const eval::NetSpec& spec = task.net.spec();
    const int from = pre_decision_layer(spec);
    Tensor selected = torch::zeros({static_cast<std::int64_t>(task.groups.outputs[from].size())});
    selected.index_fill_(0, torch::tensor(neurons, torch::kInt64), 1);
    const auto select = [&](const Tensor& firing) {
      std::vector<std::int64_t> shape(firing.dim(), 1);
      shape[1] = -1;
      return firing * selected.view(shape).to(firing.device());
    };
    std::set<int> entrances;
    for (int site : scored_sites(spec, task.groups)) entrances.insert(entrance_of(spec, site).layer);
    Maps sums;
    eval::for_each_batch(
        task.net, *task.data, task.normalisation, images, eval::images_that_fit(2 * eval::all_activations(spec), eval::statistics_batch),
        [&](const Tensor& pixels, const Tensor&) {
          Maps batch;
          trace_down(task.net, pixels, from, unpooling_, select, [&](int layer, const Tensor& signal) {
            if (entrances.contains(layer)) batch[layer] = signal.sum(0).to(torch::kCPU, torch::kFloat64);
          });
          return batch;
        },
        [&](const Maps& batch) {
          for (const auto& [layer, map] : batch) sums[layer] = sums.contains(layer) ? sums[layer] + map : map;
        });
    for (auto& [layer, sum] : sums) sum = (sum / static_cast<double>(images.size())).contiguous();
    return sums;
  }

  /// Utilities of the channels, and how the values of the maps lie that they are read from.
  Scoring read(const ScoringTask& task, const Maps& maps) const {
    const eval::NetSpec& spec = task.net.spec();
    std::vector<LayerScores> utilities;
    std::set<std::pair<int, std::int64_t>> seen;  // branches of an add enter at one place, which counts once
    for (int site : scored_sites(spec, task.groups)) {
      const Entrance entrance = entrance_of(spec, site);
      if (!seen.insert({entrance.layer, entrance.first_channel}).second) continue;
      const Tensor map = maps.at(entrance.layer).narrow(0, entrance.first_channel, std::ssize(task.groups.outputs[site]));
      utilities.push_back({site, map.dim() > 1 ? map.flatten(1).amax(1) : map});
    }
    Scoring scoring{combine(task, utilities)};
    if (!is_spatial_) return scoring;
    for (const ChannelGroup& group : task.groups.groups) {
      Spread& spread = scoring.spreads.emplace_back();
      if (!group.fixed.empty()) continue;
      std::set<int> layers;
      for (int producer : group.producers) layers.insert(entrance_of(spec, activation_site(spec, producer)).layer);
      for (int layer : layers) {
        const Tensor& map = maps.at(layer);
        combine_spread(task.combination, spread_of({map.data_ptr<double>(), static_cast<std::size_t>(map.numel())}), layers.size(), spread);
      }
    }
    return scoring;
  }

  std::int64_t images_, trace_images_, select_;
  double tolerance_;
  Firing firing_;
  Unpooling unpooling_;
  bool is_spatial_;
};

}  // namespace

std::unique_ptr<Criterion> make_lda_paper(const storage::Json& options) {
  return std::make_unique<LdaPaper>(options);
}

}  // namespace prune
