#include "prune/criteria/scoring.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "eval/batches.h"
#include "eval/cost.h"
#include "eval/nets/layer_shape.h"
#include "storage/base/error.h"

namespace prune {

using eval::LayerKind;
using torch::Tensor;

std::vector<int> cut_producers(const ChannelGroups& groups) {
  std::set<int> producers;
  for (const ChannelGroup& group : groups.groups)
    if (group.fixed.empty()) producers.insert(group.producers.begin(), group.producers.end());
  return {producers.begin(), producers.end()};
}

std::vector<int> scored_sites(const eval::NetSpec& spec, const ChannelGroups& groups) {
  std::set<int> sites;
  for (int producer : cut_producers(groups)) sites.insert(activation_site(spec, producer));
  return {sites.begin(), sites.end()};
}

Entrance entrance_of(const eval::NetSpec& spec, int site) {
  const std::vector<std::vector<int>> readers = eval::consumers(spec);
  const std::vector<eval::Shape> shapes = eval::output_shapes(spec);
  Entrance entrance{site, 0};
  while (readers[entrance.layer].size() == 1) {
    const int next = readers[entrance.layer][0];
    const eval::Layer& reader = spec.layers[next];
    if (eval::has_filters(reader.kind) || reader.kind == LayerKind::flatten || reader.kind == LayerKind::select) break;
    if (reader.kind == LayerKind::concat)
      for (std::size_t i = 0; reader.inputs[i] != entrance.layer; ++i) entrance.first_channel += shapes[reader.inputs[i]].channels;
    entrance.layer = next;
  }
  return entrance;
}

Scores combine(const ScoringTask& task, const std::vector<LayerScores>& layers) {
  const ChannelGroups& groups = task.groups;
  Scores sums, seen;
  for (const ChannelGroup& group : groups.groups) {
    const std::size_t units = group.fixed.empty() ? group.size : 0;
    sums.emplace_back(units, 0.0);
    seen.emplace_back(units, 0.0);
  }
  for (const auto& [layer, scores] : layers) {
    const Tensor values = scores.to(torch::kCPU, torch::kFloat64).contiguous();
    for (std::int64_t c = 0; c < values.numel(); ++c) {
      const Unit unit = groups.outputs[layer][c];
      if (!groups.groups[unit.group].fixed.empty()) continue;
      const double value = values.data_ptr<double>()[c];
      if (!std::isfinite(value))
        throw storage::Error(storage::ErrorKind::internal,
                             fmt::format("the score of channel {} of {} is {}", c, groups.groups[unit.group].name, value));
      double& total = sums[unit.group][unit.index];
      const bool is_first = seen[unit.group][unit.index] == 0;
      total = task.combination == Combination::max && !is_first ? std::max(total, value) : total + value;
      seen[unit.group][unit.index] += 1;
    }
  }
  if (task.combination != Combination::mean) return sums;
  for (std::size_t g = 0; g < sums.size(); ++g)
    for (std::size_t i = 0; i < sums[g].size(); ++i) sums[g][i] /= std::max(seen[g][i], 1.0);
  return sums;
}

Tensor normalised_by_layer(const Tensor& scores) {
  const double norm = scores.norm().item<double>();
  return norm > 0 ? scores / norm : scores;
}

namespace {

struct SiteGradients {
  std::vector<Tensor> activations, gradients;  ///< by site
};

SiteGradients gradients_of(const eval::Net& net, const std::vector<int>& sites, int top, const Tensor& images,
                           const std::function<Tensor(const Tensor& output)>& objective) {
  SiteGradients found;
  Tensor output;
  net.forward(images, /*training=*/false, [&](int layer, const Tensor& value) {
    const bool is_site = std::binary_search(sites.begin(), sites.end(), layer);
    // The graph starts at each site that no other stands below: nothing further down needs a gradient.
    const Tensor kept = is_site && !value.requires_grad() ? value.detach().requires_grad_() : value;
    if (is_site) found.activations.push_back(kept);
    if (layer == top) output = kept;
    return kept;
  });
  found.gradients = torch::autograd::grad({objective(output)}, found.activations, {}, /*retain_graph=*/false, /*create_graph=*/false,
                                          /*allow_unused=*/true);
  for (std::size_t i = 0; i < sites.size(); ++i) {
    found.activations[i] = found.activations[i].detach();
    if (!found.gradients[i].defined()) found.gradients[i] = torch::zeros_like(found.activations[i]);
  }
  return found;
}

}  // namespace

void visit_gradients(const ScoringTask& task, const std::vector<std::int64_t>& images, const std::vector<int>& sites, int top,
                     const std::function<Tensor(const Tensor&, const Tensor&)>& objective,
                     const std::function<void(int, const Tensor&, const Tensor&)>& visit) {
  if (sites.empty()) return;
  eval::for_each_batch(
      task.net, *task.data, task.normalisation, images,
      eval::images_that_fit(2 * eval::all_activations(task.net.spec()), eval::statistics_batch),
      [&](const Tensor& pixels, const Tensor& labels) {
        return gradients_of(task.net, sites, top, pixels, [&](const Tensor& output) { return objective(output, labels); });
      },
      [&](const SiteGradients& found) {
        torch::NoGradGuard no_grad;
        for (std::size_t i = 0; i < sites.size(); ++i) visit(sites[i], found.activations[i], found.gradients[i]);
      });
}

Tensor sum_over_locations(const Tensor& activation) {
  return activation.dim() > 2 ? activation.flatten(2).sum(2) : activation;
}

Tensor pre_decision_firings(const Tensor& output, Firing firing) {
  if (output.dim() <= 2) return output;
  return firing == Firing::max ? output.flatten(2).amax(2) : output.flatten(2).mean(2);
}

int pre_decision_layer(const eval::NetSpec& spec) {
  return spec.layers[eval::decision_layer(spec)].inputs[0];
}

namespace {

void require_one_decision(const ScoringTask& task, int pre_decision) {
  const std::vector<eval::Layer>& layers = task.net.spec().layers;
  std::vector<bool> leads(layers.size());
  leads[static_cast<std::size_t>(pre_decision)] = true;
  for (int layer = pre_decision; layer > 0; --layer)
    if (leads[static_cast<std::size_t>(layer)])
      for (const int from : layers[static_cast<std::size_t>(layer)].inputs) leads[static_cast<std::size_t>(from)] = true;
  for (const int producer : cut_producers(task.groups))
    if (!leads[static_cast<std::size_t>(producer)])
      throw storage::Error(
          storage::ErrorKind::invalid,
          fmt::format("criterion lda: the class scores come of more than one layer, and {} leads to another than {}; valid: "
                      "protect it, or take another criterion",
                      layers[static_cast<std::size_t>(producer)].name,
                      layers[static_cast<std::size_t>(eval::decision_layer(task.net.spec()))].name));
}

}  // namespace

Scatter measure_scatter(const ScoringTask& task, const std::vector<std::int64_t>& images, Firing firing) {
  torch::NoGradGuard no_grad;
  const int layer = pre_decision_layer(task.net.spec());
  require_one_decision(task, layer);
  ScatterAccumulator accumulator(std::ssize(task.data->class_names()), std::ssize(task.groups.outputs[layer]));
  struct Fired {
    Tensor firings, labels;
  };
  eval::for_each_batch(
      task.net, *task.data, task.normalisation, images,
      eval::images_that_fit(2 * eval::peak_activations(task.net.spec()), eval::statistics_batch),
      [&](const Tensor& pixels, const Tensor& labels) {
        return Fired{pre_decision_firings(task.net.forward_to(layer, pixels), firing), labels};
      },
      [&](const Fired& fired) { accumulator.add(fired.firings, fired.labels); });
  return accumulator.scatter();
}

storage::Json pre_decision_details(const ScoringTask& task, const Scatter& scatter, const Tensor& utility,
                                   const std::vector<std::int64_t>& selected) {
  const auto numbers = [](const Tensor& values) {
    storage::Json list = storage::Json::array();
    for (std::int64_t j = 0; j < values.numel(); ++j) list.push_back(storage::number_to_json(values[j].item<double>()));
    return list;
  };
  return {{"layer", task.net.spec().layers[pre_decision_layer(task.net.spec())].name},
          {"within", numbers(scatter.within_diagonal)},
          {"between", numbers(scatter.between_diagonal)},
          {"v", numbers(utility)},
          {"selected", selected}};
}

}  // namespace prune
