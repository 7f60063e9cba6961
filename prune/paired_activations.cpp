#include "prune/paired_activations.h"

#include <algorithm>
#include <set>
#include <utility>

#include "eval/device.h"

namespace prune {

using torch::Tensor;

namespace {

/// By layer: bytes of one image's activations that are held at once while two nets are walked side by side from there on; never less than
/// the largest layer's.
std::vector<std::int64_t> frontier_bytes(const eval::NetSpec& spec) {
  const std::vector<eval::Shape> shapes = eval::output_shapes(spec);
  const std::vector<std::vector<int>> readers = eval::consumers(spec);
  const auto numbers = [&](int layer) {
    return static_cast<std::int64_t>(shapes[layer].channels) * shapes[layer].height * shapes[layer].width;
  };
  std::vector<std::int64_t> bytes;
  std::int64_t held = 0;
  for (int i = 0; i < static_cast<int>(shapes.size()); ++i) {
    held += numbers(i);
    bytes.push_back(4 * 2 * held);
    for (const int from : std::set<int>(spec.layers[i].inputs.begin(), spec.layers[i].inputs.end()))
      if (readers[from].back() == i) held -= numbers(from);
  }
  for (std::size_t i = bytes.size() - 1; i > 0; --i) bytes[i - 1] = std::max(bytes[i - 1], bytes[i]);
  return bytes;
}

/// As many images as a batch has, of which each takes so many bytes in both nets.
std::int64_t images_of_batch(std::int64_t bytes, std::int64_t memory) {
  return std::clamp<std::int64_t>(std::min(std::int64_t{1} << 28, memory) / bytes, 1, 128);
}

std::int64_t images_in(const std::vector<Tensor>& outputs) {
  return std::find_if(outputs.begin(), outputs.end(), [](const Tensor& output) { return output.defined(); })->size(0);
}

/// One net's outputs of the batches from `first` to before `last` as those of one, by layer; frees these parts, layer by layer.
std::vector<Tensor> merge(std::vector<PairedActivations::Batch>& batches, std::size_t first, std::size_t last,
                          std::vector<Tensor> PairedActivations::Batch::*outputs) {
  std::vector<Tensor> merged = std::move(batches[first].*outputs);
  for (std::size_t layer = 0; layer < merged.size() && last - first > 1; ++layer) {
    if (!merged[layer].defined()) continue;
    std::vector<Tensor> parts{merged[layer]};
    for (std::size_t batch = first + 1; batch < last; ++batch) parts.push_back(std::exchange((batches[batch].*outputs)[layer], Tensor()));
    merged[layer] = at::cat(parts);
  }
  return merged;
}

}  // namespace

int images_at_once(const eval::NetSpec& whole, std::int64_t memory) {
  return static_cast<int>(images_of_batch(frontier_bytes(whole)[0], memory));
}

PairedActivations::PairedActivations(const eval::Net& whole, const eval::Net& cut, std::int64_t memory, ImageSource images)
    : whole_(whole),
      cut_(cut),
      memory_(memory),
      source_(std::move(images)),
      readers_(eval::consumers(cut.spec())),
      bytes_(frontier_bytes(whole.spec())) {}

void PairedActivations::take_images(int layer) {
  const std::int64_t all = memory_ / bytes_[layer], room = std::max<std::int64_t>(1, taken_ == 0 ? all : all / 2);
  if (room < 2 * taken_) return;
  const std::int64_t before = taken_;
  while (taken_ < room) {
    std::optional<Tensor> images = rest_ ? std::exchange(rest_, std::nullopt) : source_();
    if (!images) break;
    if (const std::int64_t free = room - taken_; images->size(0) > free) {
      rest_ = images->slice(0, free);
      images = images->slice(0, 0, free);
    }
    taken_ += images->size(0);
    Batch& batch = batches_.emplace_back();
    batch.whole.resize(cut_.spec().layers.size());
    batch.whole[0] = images->to(whole_.device());
    batch.cut = batch.whole;
    for (int i = 1; i < layer; ++i) {
      advance(whole_, batch.whole, i);
      advance(cut_, batch.cut, i);
    }
  }
  if (before > 0 && taken_ > before) merge_batches(layer);
}

/// Makes one of batches that have room together from `layer` on: a layer of many weights is slow on a few images at a time.
void PairedActivations::merge_batches(int layer) {
  eval::release_memory(whole_.device());
  const std::int64_t most = images_of_batch(bytes_[layer], memory_);
  std::vector<Batch> parts = std::exchange(batches_, {});
  for (std::size_t first = 0, last = 0; first < parts.size(); first = last) {
    std::int64_t images = 0;
    do images += images_in(parts[last++].cut);
    while (last < parts.size() && images + images_in(parts[last].cut) <= most);
    Batch& merged = batches_.emplace_back();
    merged.whole = merge(parts, first, last, &Batch::whole);
    merged.cut = merge(parts, first, last, &Batch::cut);
  }
}

void PairedActivations::advance(int layer) {
  for (Batch& batch : batches_) {
    advance(whole_, batch.whole, layer);
    advance(cut_, batch.cut, layer);
  }
}

void PairedActivations::advance(const eval::Net& net, std::vector<Tensor>& outputs, int layer) const {
  if (!outputs[layer].defined()) outputs[layer] = net.forward_layer(layer, outputs);
  for (int from : cut_.spec().layers[layer].inputs)
    if (readers_[from].back() == layer) outputs[from] = Tensor();
}

}  // namespace prune
