#include "eval/robustness.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "eval/attacks/attack.h"
#include "eval/data/loader.h"
#include "eval/noise.h"
#include "storage/base/error.h"
#include "storage/base/fingerprint.h"

namespace eval {

namespace {

/// Images that are changed together: attacks keep what the gradient needs of all of them.
constexpr std::size_t kBatch = 50;

using Change = std::function<torch::Tensor(const AttackBatch& batch)>;

AttackBatch read_batch(const Dataset& data, std::span<const std::int64_t> images, std::uint64_t seed, torch::Device device) {
  const auto [channels, height, width] = data.shape();
  const std::ptrdiff_t margin = data.margin(), row = width + 2 * margin, plane = (height + 2 * margin) * row;
  AttackBatch batch{torch::empty({std::ssize(images), channels, height, width}), torch::empty({std::ssize(images)}, torch::kInt64), {}};
  float* out = batch.images.data_ptr<float>();
  for (std::size_t i = 0; i < images.size(); ++i) {
    const std::span<const std::uint8_t> pixels = data.pixels(images[i]);
    for (int c = 0; c < channels; ++c)
      for (int y = 0; y < height; ++y)
        for (const std::uint8_t pixel : pixels.subspan(static_cast<std::size_t>(c * plane + (y + margin) * row + margin), width))
          *out++ = static_cast<float>(pixel) / 255;
    batch.labels.data_ptr<std::int64_t>()[i] = data.labels()[static_cast<std::size_t>(images[i])];
    batch.seeds.push_back(mix_seed(seed, static_cast<std::uint64_t>(images[i])));
  }
  batch.images = batch.images.to(device);
  batch.labels = batch.labels.to(device);
  return batch;
}

torch::Tensor with_noise(const Perturbation& noise, const Shape& shape, const AttackBatch& batch) {
  const torch::Tensor images = batch.images.to(torch::kCPU, torch::kFloat32, /*non_blocking=*/false, /*copy=*/true).contiguous();
  const std::size_t values = static_cast<std::size_t>(images[0].numel());
  for (std::size_t i = 0; i < batch.seeds.size(); ++i)
    add_noise(noise.name, noise.level, batch.seeds[i], shape, {images.data_ptr<float>() + i * values, values});
  return images.to(batch.images.device());
}

/// What `perturbation` does to a batch.
Change change_of(const Perturbation& perturbation, const Shape& shape, const std::map<std::string, PixelScores>& scores) {
  if (perturbation.kind == "noise")
    return [perturbation, shape](const AttackBatch& batch) { return with_noise(perturbation, shape, batch); };
  const auto source = scores.find(perturbation.source);
  if (source == scores.end())
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("attack {} is to be made on '{}', which is not there", perturbation.name, perturbation.source));
  const std::shared_ptr<Attack> attack = make_attack(perturbation.name, perturbation.options);
  return [attack, made_on = source->second](const AttackBatch& batch) { return attack->perturb(made_on, batch).detach(); };
}

torch::Tensor are_right(const PixelScores& scores, const AttackBatch& batch, const torch::Tensor& images) {
  const torch::NoGradGuard no_grad;
  return scores(images).argmax(1) == batch.labels;
}

}  // namespace

std::vector<std::int64_t> robustness_images(const Dataset& data, std::int64_t images, std::uint64_t seed) {
  std::vector<std::int64_t> drawn = shuffled(data.split(Split::test), seed);
  drawn.resize(std::min<std::size_t>(drawn.size(), static_cast<std::size_t>(images)));
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

std::vector<PerturbationResult> measure_robustness(const Net& net, const std::map<std::string, const Net*>& sources, const Dataset& data,
                                                   const Normalisation& normalisation, const std::vector<std::int64_t>& images,
                                                   const std::vector<Perturbation>& perturbations, std::uint64_t seed,
                                                   const Progress& progress) {
  std::map<std::string, PixelScores> scores{{"self", pixel_scores(net, normalisation)}};
  for (const auto& [name, source] : sources) scores.emplace(name, pixel_scores(*source, normalisation));
  std::vector<Change> changes;
  for (const Perturbation& each : perturbations) changes.push_back(change_of(each, data.shape(), scores));

  std::vector<PerturbationResult> results(perturbations.size());
  std::vector<storage::Sha256> hashes(perturbations.size());
  double right_before = 0, total = static_cast<double>(images.size());
  std::vector<double> right(perturbations.size()), fooled(perturbations.size());
  for (std::size_t first = 0; first < images.size(); first += kBatch) {
    const std::span<const std::int64_t> part = std::span(images).subspan(first, std::min(kBatch, images.size() - first));
    const AttackBatch batch = read_batch(data, part, seed, net.device());
    const torch::Tensor before = are_right(scores.at("self"), batch, batch.images);
    right_before += before.sum().item<double>();
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const torch::Tensor changed = changes[i](batch), after = are_right(scores.at("self"), batch, changed);
      const torch::Tensor bytes = changed.to(torch::kCPU, torch::kFloat32).contiguous();
      hashes[i].add({static_cast<const char*>(bytes.data_ptr()), static_cast<std::size_t>(bytes.numel()) * sizeof(float)});
      right[i] += after.sum().item<double>();
      fooled[i] += (before & ~after).sum().item<double>();
      if (progress) progress((static_cast<double>(first) + static_cast<double>(part.size() * (i + 1)) / changes.size()) / total);
    }
  }
  total = std::max(total, 1.0);
  for (std::size_t i = 0; i < results.size(); ++i)
    results[i] = {perturbations[i],
                  std::ssize(images),
                  right_before / total,
                  right[i] / total,
                  right_before > 0 ? fooled[i] / right_before : std::numeric_limits<double>::quiet_NaN(),
                  hashes[i].hex()};
  return results;
}

}  // namespace eval
