#include "prune/criteria/scoring.h"

#include <fmt/format.h>

#include <set>

#include "storage/base/error.h"

namespace prune {

using torch::Tensor;

std::vector<int> scored_sites(const eval::NetSpec& spec, const ChannelGroups& groups) {
  std::set<int> sites;
  for (const ChannelGroup& group : groups.groups) {
    if (!group.fixed.empty()) continue;
    for (int producer : group.producers) sites.insert(activation_site(spec, producer));
  }
  return {sites.begin(), sites.end()};
}

Scores combine(const ScoringTask& task, const std::map<int, Tensor>& by_site) {
  const ChannelGroups& groups = task.groups;
  Scores sums, seen;
  for (const ChannelGroup& group : groups.groups) {
    const std::size_t units = group.fixed.empty() ? group.size : 0;
    sums.emplace_back(units, 0.0);
    seen.emplace_back(units, 0.0);
  }
  for (const auto& [site, scores] : by_site) {
    const Tensor values = scores.to(torch::kCPU, torch::kFloat64).contiguous();
    for (std::int64_t c = 0; c < values.numel(); ++c) {
      const Unit unit = groups.outputs[site][c];
      if (!groups.groups[unit.group].fixed.empty()) continue;
      const double value = values.data_ptr<double>()[c];
      if (!std::isfinite(value))
        throw storage::Error(storage::ErrorKind::internal,
                             fmt::format("the score of channel {} of {} is {}", c, groups.groups[unit.group].name, value));
      double& total = sums[unit.group][unit.index];
      total = task.combination == Combination::max ? std::max(total, value) : total + std::max(value, 0.0);
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

void visit_gradients(const ScoringTask& task, const std::vector<std::int64_t>& images, const std::vector<int>& sites, int top,
                     const std::function<Tensor(const Tensor&, const eval::Batch&)>& objective,
                     const std::function<void(int, const Tensor&, const Tensor&)>& visit) {
  eval::BatchLoader loader(*task.data, task.normalisation, images, {.batch = 125});
  while (const std::optional<eval::Batch> batch = loader.next()) {
    std::vector<Tensor> activations;
    Tensor output;
    task.net.forward(batch->images.to(task.net.device()), /*training=*/false, [&](int layer, const Tensor& value) {
      const bool is_site = std::binary_search(sites.begin(), sites.end(), layer);
      // The graph starts at the first site: below it nothing needs a gradient.
      const Tensor kept = is_site && activations.empty() ? value.detach().requires_grad_() : value;
      if (is_site) activations.push_back(kept);
      if (layer == top) output = kept;
      return kept;
    });
    const std::vector<Tensor> gradients = torch::autograd::grad({objective(output, *batch)}, activations, {}, /*retain_graph=*/false,
                                                                /*create_graph=*/false, /*allow_unused=*/true);
    torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < sites.size(); ++i)
      visit(sites[i], activations[i].detach(), gradients[i].defined() ? gradients[i] : torch::zeros_like(activations[i]));
  }
}

Tensor sum_over_locations(const Tensor& activation) {
  return activation.dim() > 2 ? activation.flatten(2).sum(2) : activation;
}

Tensor pre_decision_firings(const Tensor& output) {
  return output.dim() > 2 ? output.flatten(2).mean(2) : output;
}

int pre_decision_layer(const eval::NetSpec& spec) {
  return spec.layers[eval::decision_layer(spec)].inputs[0];
}

Scatter measure_scatter(const ScoringTask& task, const std::vector<std::int64_t>& images) {
  torch::NoGradGuard no_grad;
  const int layer = pre_decision_layer(task.net.spec());
  ScatterAccumulator accumulator(std::ssize(task.data->class_names()), std::ssize(task.groups.outputs[layer]));
  eval::BatchLoader loader(*task.data, task.normalisation, images, {.batch = 125});
  while (const std::optional<eval::Batch> batch = loader.next())
    accumulator.add(pre_decision_firings(task.net.forward_to(layer, batch->images.to(task.net.device()))), batch->labels);
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
