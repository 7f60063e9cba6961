#include "prune/layer_samples.h"

#include <algorithm>

#include "eval/data/seed.h"

namespace prune {

using eval::Layer;
using eval::LayerKind;
using torch::Tensor;

std::int64_t places_of(std::int64_t inputs, std::int64_t area, std::int64_t images) {
  const std::int64_t samples = std::max<std::int64_t>(4 * inputs, 8192);
  return std::clamp<std::int64_t>((samples + images - 1) / images, 1, area);
}

Tensor draw_places(std::int64_t first, std::int64_t images, std::int64_t area, std::int64_t count, std::uint64_t seed) {
  Tensor places = torch::empty({images, count}, torch::kInt64);
  std::int64_t* place = places.data_ptr<std::int64_t>();
  for (std::int64_t image = first; image < first + images; ++image) {
    const std::uint64_t own = eval::mix_seed(seed, static_cast<std::uint64_t>(image));
    for (std::int64_t j = 0; j < count; ++j) {
      const std::int64_t low = j * area / count, high = (j + 1) * area / count;
      const double drawn = eval::unit_number(eval::mix_seed(own, static_cast<std::uint64_t>(j))) * static_cast<double>(high - low);
      *place++ = low + static_cast<std::int64_t>(drawn);
    }
  }
  return places;
}

Tensor windows(const Layer& layer, const Tensor& x, const Tensor& places, std::int64_t output_width) {
  if (layer.kind == LayerKind::linear) return x.flatten(1).unsqueeze(1);
  const Tensor padded = at::constant_pad_nd(x, {layer.padding[1], layer.padding[1], layer.padding[0], layer.padding[0]});
  const std::int64_t images = padded.size(0), channels = padded.size(1), height = padded.size(2), width = padded.size(3);
  const Tensor corners = places.div(output_width, "floor") * (layer.stride[0] * width) + places.remainder(output_width) * layer.stride[1];
  const Tensor window = (at::arange(layer.kernel[0], places.options()) * (layer.dilation[0] * width)).unsqueeze(1) +
                        at::arange(layer.kernel[1], places.options()) * layer.dilation[1];
  const Tensor image = at::arange(images, places.options()) * (height * width);
  const Tensor index = image.view({-1, 1, 1}) + corners.unsqueeze(2) + window.flatten();
  const Tensor pixels = padded.permute({0, 2, 3, 1}).reshape({images * height * width, channels});
  return pixels.index_select(0, index.flatten())
      .view({places.numel(), window.numel(), layer.groups, channels / layer.groups})
      .transpose(1, 2)
      .flatten(2);
}

Tensor rows_of(const Layer& layer, const Tensor& weight) {
  return (weight.dim() == 4 ? weight.permute({0, 2, 3, 1}) : weight).reshape({layer.groups, layer.channels / layer.groups, -1});
}

Tensor filters_of(const Tensor& rows, const Tensor& weight) {
  if (weight.dim() == 2) return rows.reshape(weight.sizes());
  return rows.reshape({weight.size(0), weight.size(2), weight.size(3), weight.size(1)}).permute({0, 3, 1, 2});
}

Tensor at_places(const Tensor& output, const Tensor& places, const Tensor& channels) {
  const Tensor maps = output.dim() == 2 ? output.unsqueeze(1) : output.flatten(2).transpose(1, 2);  // [images, area, channels]
  const Tensor image = at::arange(maps.size(0), places.options()) * maps.size(1);
  return maps.reshape({-1, maps.size(2)}).index_select(0, (image.unsqueeze(1) + places).flatten()).index_select(1, channels);
}

Intercept intercept_of(const eval::NetSpec& spec, const std::vector<std::vector<int>>& readers, int layer) {
  if (spec.layers[layer].bias) return Intercept::bias;
  return eval::own_batch_norm(spec, readers, layer) >= 0 ? Intercept::free : Intercept::none;
}

}  // namespace prune
