#include "prune/refit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "prune/fisher_weights.h"
#include "prune/layer_samples.h"
#include "prune/moments.h"
#include "prune/paired_activations.h"
#include "prune/ridge.h"
#include "storage/base/error.h"

namespace prune {

using eval::Layer;
using eval::LayerKind;
using storage::Error;
using storage::ErrorKind;
using torch::Tensor;

namespace {

/// A fifth of the images, the last ones, is held out while a ridge is chosen.
constexpr std::int64_t fold = 5;
constexpr const char* unchanged = "it gives the whole net's outputs as it is";

/// The layers whose channels, those that stay, give the same in both nets: nothing that they read was lost or changed.
/// as_cut: the whole net's weights under the mask.
std::vector<bool> find_same(const eval::Net& whole, const Cut& as_cut, const Cut& cut) {
  const std::vector<eval::Shape> shapes = eval::output_shapes(cut.spec), whole_shapes = eval::output_shapes(whole.spec());
  std::vector<bool> same{true};
  for (std::size_t i = 1; i < cut.spec.layers.size(); ++i) {
    const Layer& layer = cut.spec.layers[i];
    bool is = std::all_of(layer.inputs.begin(), layer.inputs.end(), [&](int from) { return same[from]; });
    if (layer.kind == LayerKind::local_response_norm) is = is && shapes[i].channels == whole_shapes[i].channels;
    for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) {
      const auto now = cut.weights.find(layer.name + part);
      if (now == cut.weights.end()) continue;
      const Tensor& before = whole.weights().at(now->first);
      if (eval::has_filters(layer.kind) && before.dim() > 1) is = is && now->second.size(1) == before.size(1);
      is = is && torch::equal(now->second.to(before.device()), as_cut.weights.at(now->first));
    }
    same.push_back(is);
  }
  return same;
}

/// One refit in progress: through both nets from layer to layer.
class Walk {
 public:
  Walk(const eval::Net& whole, const ChannelGroups& groups, const KeepMask& mask, const Cut& cut, ImageSource images,
       const RefitOptions& options)
      : whole_(whole),
        groups_(groups),
        mask_(mask),
        options_(options),
        cut_(cut.spec, eval::clone(cut.weights), whole.device()),
        readers_(eval::consumers(cut.spec)),
        shapes_(eval::output_shapes(cut.spec)),
        same_(find_same(whole, prune::cut(whole.spec(), groups, whole.weights(), mask), cut)),
        activations_(whole, cut_, options.memory, std::move(images)) {}

  Refit run() {
    const int layers = static_cast<int>(cut_.spec().layers.size());
    if (options_.fisher > 0) {
      activations_.take_images(1);
      weigh();
    }
    for (int layer = 1; layer < layers; ++layer) {
      const LayerKind kind = cut_.spec().layers[layer].kind;
      const bool is_fitted = !same_[layer] && (eval::has_filters(kind) || kind == LayerKind::batch_norm);
      if (is_fitted && options_.fisher == 0) activations_.take_images(layer);
      if (eval::has_filters(kind))
        refit_filters(layer);
      else if (kind == LayerKind::batch_norm && !same_[layer])
        move_statistics(layer);
      activations_.advance(layer);
    }
    result_.images = activations_.images();
    result_.weights = cut_.weights();
    return std::move(result_);
  }

 private:
  Tensor channels_of(int layer) const { return torch::tensor(kept_channels(groups_, mask_, layer), torch::kInt64).to(whole_.device()); }

  /// The places of a batch at which a layer's outputs are compared: [images, count].
  Tensor places_in(int index, std::int64_t first, std::int64_t images) const {
    const std::int64_t area = std::int64_t{shapes_[index].height} * shapes_[index].width;
    const std::int64_t inputs = cut_.weights().at(cut_.spec().layers[index].name + ".weight")[0].numel();
    const std::int64_t count =
        options_.places > 0 ? std::min<std::int64_t>(options_.places, area) : places_of(inputs, area, activations_.images());
    return draw_places(first, images, area, count, eval::mix_seed(options_.seed, static_cast<std::uint64_t>(index))).to(whole_.device());
  }

  /// Finds what the samples of all layers weigh.
  void weigh() {
    std::map<int, double> sums, counts;
    std::int64_t first = 0;
    for (const PairedActivations::Batch& batch : activations_.batches()) {
      const Tensor& images = batch.whole[0];
      std::vector<FisherSite> sites;
      for (int layer = 1; layer < static_cast<int>(cut_.spec().layers.size()); ++layer)
        if (eval::has_filters(cut_.spec().layers[layer].kind) && !same_[layer])
          sites.push_back({layer, places_in(layer, first, images.size(0)), channels_of(layer)});
      weights_.push_back(fisher_weights(whole_, images, sites, eval::mix_seed(options_.seed, 0xf15e4 + static_cast<std::uint64_t>(first))));
      for (const auto& [layer, weights] : weights_.back()) {
        sums[layer] += weights.sum().item<double>();
        counts[layer] += static_cast<double>(weights.numel());
      }
      first += images.size(0);
    }
    for (auto& batch : weights_)
      for (auto& [layer, weights] : batch) {
        if (sums[layer] > 0)
          weights = weights * (options_.fisher * counts[layer] / sums[layer]) + (1 - options_.fisher);
        else
          weights = torch::ones_like(weights);
      }
  }

  void refit_filters(int index) {
    const Layer& layer = cut_.spec().layers[index];
    LayerRefit report{.layer = layer.name};
    if (same_[index]) {
      report.reason = unchanged;
      result_.layers.push_back(report);
      return;
    }
    Tensor known = rows_of(layer, cut_.weights().at(layer.name + ".weight")).transpose(1, 2);
    const RidgeRegression::Size size{layer.groups, known.size(1), known.size(2), intercept_of(cut_.spec(), readers_, index)};
    if (size.intercept == Intercept::bias)
      known = at::cat({known, cut_.weights().at(layer.name + ".bias").view({size.groups, 1, size.outputs})}, 1);
    const Tensor kept = channels_of(index);
    const std::int64_t used = activations_.images() - activations_.images() / fold;
    std::optional<RidgeRegression> regression;
    Moments target;
    std::int64_t first = 0;
    for (std::size_t b = 0; b < activations_.batches().size(); ++b) {
      PairedActivations::Batch& batch = activations_.batches()[b];
      const Tensor& x = batch.cut[layer.inputs[0]];
      Tensor& wanted = batch.whole[index];
      wanted = whole_.forward_layer(index, batch.whole);
      const std::int64_t images = x.size(0), width = shapes_[index].width;
      const Tensor places = places_in(index, first, images);
      const std::int64_t count = places.size(1);
      if (!regression) regression.emplace(size, std::exchange(known, {}), activations_.images() * count < size.inputs);
      const Tensor inputs = windows(layer, x, places, width), outputs = at_places(wanted, places, kept);
      if (!std::isfinite((inputs.sum(torch::kFloat64) + outputs.sum(torch::kFloat64)).item<double>()))
        throw Error(ErrorKind::invalid, fmt::format("refit: layer {} reads or gives numbers that are not finite", layer.name));
      target.add(outputs);
      report.samples += images * count;
      const Tensor grouped = outputs.view({-1, size.groups, size.outputs});
      const std::int64_t split = std::clamp<std::int64_t>(used - first, 0, images) * count;
      const auto add = [&](std::int64_t begin, std::int64_t end, bool held_out) {
        regression->add(inputs.slice(0, begin, end), grouped.slice(0, begin, end), held_out,
                        weights_.empty() ? Tensor() : weights_[b].at(index).slice(0, begin, end));
      };
      add(0, split, /*held_out=*/false);
      add(split, images * count, /*held_out=*/true);
      first += images;
    }
    apply(layer, size, regression->solve(options_.ridge, start_), target, report);
    result_.layers.push_back(report);
  }

  void apply(const Layer& layer, const RidgeRegression::Size& size, const RidgeRegression::Solution& solution, const Moments& target,
             LayerRefit& report) {
    const double spread = target.squares.sum().item<double>();
    const double scale = spread > 0 ? 1 / spread : 0;
    report.before = solution.before * scale;
    report.after = solution.after * scale;
    report.ridge = solution.ridge;
    if (solution.before == 0) {
      report.reason = unchanged;
    } else if (solution.no_gain) {
      report.ridge = 0;
      report.reason = "no ridge lowers the error on the images held out";
    } else if (!solution.change.defined()) {
      report.reason = "its least squares cannot be solved";
    }
    if (!report.reason.empty()) return;
    // [groups, outputs, inputs and perhaps the constant]; a large layer's would not fit in double several times
    const Tensor change = solution.change.to(torch::kFloat32).transpose(1, 2);
    Tensor weight = cut_.weights().at(layer.name + ".weight");
    weight.add_(filters_of(change.slice(2, 0, size.inputs), weight));
    start_ = solution.ridge;
    if (size.intercept == Intercept::bias) {
      Tensor bias = cut_.weights().at(layer.name + ".bias");
      bias.add_(change.select(2, size.inputs).flatten());
    }
  }

  /// The running statistics of the whole net, moved as far as those of the images moved.
  void move_statistics(int index) {
    const Layer& layer = cut_.spec().layers[index];
    const Tensor kept = channels_of(index);
    Moments before, now;
    for (const PairedActivations::Batch& batch : activations_.batches()) {
      before.add(batch.whole[layer.inputs[0]]);
      now.add(batch.cut[layer.inputs[0]]);
    }
    const auto whole_statistic = [&](const char* what) {
      return whole_.weights().at(layer.name + what).index_select(0, kept).to(torch::kFloat64);
    };
    Tensor mean = cut_.weights().at(layer.name + ".running_mean"), variance = cut_.weights().at(layer.name + ".running_var");
    mean.copy_(whole_statistic(".running_mean") + (now.mean - before.mean.index_select(0, kept)));
    const Tensor had = before.variance().index_select(0, kept), has = now.variance();
    variance.copy_(whole_statistic(".running_var") * torch::where(had > 0, has / had, torch::ones_like(had)));
  }

  const eval::Net& whole_;
  const ChannelGroups& groups_;
  const KeepMask& mask_;
  const RefitOptions& options_;
  eval::Net cut_;
  std::vector<std::vector<int>> readers_;
  std::vector<eval::Shape> shapes_;  ///< of the cut net
  std::vector<bool> same_;           ///< by layer
  PairedActivations activations_;
  double start_ = 1e-2;                         ///< ridge from which the next layer's is sought
  std::vector<std::map<int, Tensor>> weights_;  ///< of samples, by batch and layer; empty: all alike
  Refit result_;
};

void check(const RefitOptions& options) {
  if (options.ridge && !(*options.ridge >= 0 && std::isfinite(*options.ridge)))
    throw Error(ErrorKind::invalid, fmt::format("refit: ridge: {}: must be 0 or more", *options.ridge));
  if (options.images < 1) throw Error(ErrorKind::invalid, fmt::format("refit: images: {}: must be 1 or more", options.images));
  if (!(options.fisher >= 0 && options.fisher <= 1))
    throw Error(ErrorKind::invalid, fmt::format("refit: fisher: {}: must be from 0 to 1", options.fisher));
  if (options.places < 0) throw Error(ErrorKind::invalid, fmt::format("refit: places: {}: must be 0 (auto) or more", options.places));
}

}  // namespace

Refit refit(const eval::Net& whole, const ChannelGroups& groups, const KeepMask& mask, const Cut& cut, std::vector<Tensor> batches,
            const RefitOptions& options) {
  check(options);
  std::erase_if(batches, [](const Tensor& images) { return images.size(0) == 0; });
  if (batches.empty()) throw Error(ErrorKind::invalid, "refit: there are no images to refit on");
  torch::NoGradGuard no_grad;
  std::size_t next = 0;
  const ImageSource images = [&]() {
    return next < batches.size() ? std::optional(std::exchange(batches[next++], Tensor())) : std::nullopt;
  };
  return Walk(whole, groups, mask, cut, images, options).run();
}

Refit refit(const eval::Net& whole, const ChannelGroups& groups, const KeepMask& mask, const Cut& cut, const eval::Dataset& data,
            const eval::Normalisation& normalisation, const std::vector<std::int64_t>& images, const RefitOptions& options) {
  check(options);
  if (images.empty()) throw Error(ErrorKind::invalid, "refit: there are no images to refit on");
  torch::NoGradGuard no_grad;
  eval::BatchLoader loader(data, normalisation, images, {.batch = images_at_once(whole.spec(), options.memory)});
  const ImageSource batches = [&]() -> std::optional<Tensor> {
    std::optional<eval::Batch> next = loader.next();
    return next ? std::optional(std::move(next->images)) : std::nullopt;
  };
  return Walk(whole, groups, mask, cut, batches, options).run();
}

Refit refit(const eval::Net& whole, const ChannelGroups& groups, const KeepMask& mask, const Cut& cut, const eval::Dataset& data,
            const eval::Normalisation& normalisation, const RefitOptions& options) {
  return refit(whole, groups, mask, cut, data, normalisation,
               eval::sample_images(data, options.images, eval::mix_seed(options.seed, 0x5ef17)), options);
}

}  // namespace prune
