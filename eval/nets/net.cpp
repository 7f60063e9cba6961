#include "eval/nets/net.h"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/nets/linear.h"
#include "storage/base/error.h"

namespace eval {

using storage::Error;
using storage::ErrorKind;
using torch::Tensor;

std::map<std::string, std::vector<std::int64_t>> tensor_sizes(const NetSpec& spec) {
  const std::vector<Shape> shapes = output_shapes(spec);
  std::map<std::string, std::vector<std::int64_t>> sizes;
  for (const Layer& layer : spec.layers) {
    if (layer.kind == LayerKind::batch_norm) {
      for (const char* what : {".weight", ".bias", ".running_mean", ".running_var"})
        sizes[layer.name + what] = {shapes[layer.inputs[0]].channels};
    }
    if (layer.kind == LayerKind::prelu) sizes[layer.name + ".weight"] = {shapes[layer.inputs[0]].channels};
    if (!has_filters(layer.kind)) continue;
    const std::int64_t inputs = shapes[layer.inputs[0]].channels;
    sizes[layer.name + ".weight"] = layer.kind == LayerKind::linear ? std::vector<std::int64_t>{layer.channels, inputs}
                                                                    : std::vector<std::int64_t>{layer.channels, inputs / layer.groups,
                                                                                                layer.kernel[0], layer.kernel[1]};
    if (layer.bias) sizes[layer.name + ".bias"] = {layer.channels};
  }
  return sizes;
}

namespace {

/// A ReLU follows the layer, as it follows SqueezeNet's class scores.
bool is_rectified(const NetSpec& spec, int layer) {
  return std::any_of(spec.layers.begin(), spec.layers.end(), [&](const Layer& other) {
    return other.kind == LayerKind::relu && std::count(other.inputs.begin(), other.inputs.end(), layer) > 0;
  });
}

}  // namespace

Weights initial_weights(const NetSpec& spec, std::uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto sizes = tensor_sizes(spec);
  const int decides = decision_layer(spec);
  const Layer& decision = spec.layers[decides];
  const bool rectified = is_rectified(spec, decides);
  Weights weights;
  for (const Layer& layer : spec.layers) {
    for (const char* what : {".weight", ".bias", ".running_mean", ".running_var"}) {
      const auto entry = sizes.find(layer.name + what);
      if (entry == sizes.end()) continue;
      Tensor tensor = torch::zeros(entry->second);
      const std::string role = what;
      if (layer.kind == LayerKind::batch_norm && (role == ".weight" || role == ".running_var")) tensor.fill_(1);
      if (layer.kind == LayerKind::prelu) tensor.fill_(0.25);
      // At 0 the score of a rare class is soon below the ReLU for every image, and never comes back.
      if (role == ".bias" && &layer == &decision && rectified) tensor.fill_(1);
      if (role == ".weight" && (layer.kind == LayerKind::linear || &layer == &decision)) {
        tensor.normal_(0, 0.01, generator);
      } else if (role == ".weight" && layer.kind == LayerKind::convolution) {
        const double fan_in = static_cast<double>(tensor[0].numel());
        tensor.normal_(0, std::sqrt(2 / fan_in), generator);
      }
      weights[entry->first] = tensor;
    }
  }
  return weights;
}

Weights inference_weights(const NetSpec& spec, Weights tensors) {
  const auto sizes = tensor_sizes(spec);
  std::erase_if(tensors, [&](const auto& entry) {
    const std::string& name = entry.first;
    return !sizes.contains(name) && (name.ends_with(".num_batches_tracked") || name.starts_with("aux1.") || name.starts_with("aux2."));
  });
  return tensors;
}

StartingWeights starting_weights(const NetSpec& spec, Weights trained, const Weights& fresh, bool new_head) {
  StartingWeights start{inference_weights(spec, std::move(trained)), ""};
  const std::string head = spec.layers[decision_layer(spec)].name;
  const auto weight = start.weights.find(head + ".weight");
  if (weight != start.weights.end() && (new_head || weight->second.sizes() != fresh.at(head + ".weight").sizes())) {
    start.fresh_layer = head;
    for (const char* part : {".weight", ".bias"})
      if (const auto own = fresh.find(head + part); own != fresh.end()) start.weights[own->first] = own->second;
  }
  return start;
}

Weights clone(const Weights& weights) {
  Weights copy;
  for (const auto& [name, tensor] : weights) copy[name] = tensor.detach().clone();
  return copy;
}

namespace {

/// The output shares no memory with an input, and no gradient needs it: a ReLU may overwrite it.
bool makes_new_tensor(LayerKind kind) {
  return kind == LayerKind::batch_norm || has_filters(kind);
}

}  // namespace

Tensor response_factor(const Layer& layer, const Tensor& x) {
  const std::int64_t before = layer.size / 2, after = (layer.size - 1) / 2;
  const Tensor squares = at::constant_pad_nd(x.square().unsqueeze(1), {0, 0, 0, 0, before, after});
  const Tensor sums = at::avg_pool3d(squares, {layer.size, 1, 1}, {1}).squeeze(1);
  return (sums * layer.alpha + layer.k).pow(-layer.beta);
}

Tensor gate_for(const Tensor& x, const Tensor& gate) {
  return gate.dim() == x.dim() ? gate : gate.view({gate.size(0), gate.size(1), 1, 1});
}

Net::Net(NetSpec spec, Weights weights, torch::Device device)
    : spec_(std::move(spec)),
      device_(device),
      indices_(spec_.layers.size()),
      last_reader_(spec_.layers.size(), 0),
      readers_(spec_.layers.size(), 0) {
  for (const auto& [name, size] : tensor_sizes(spec_)) {
    const auto entry = weights.find(name);
    if (entry == weights.end()) throw Error(ErrorKind::invalid, fmt::format("weights of {}: tensor {} is missing", spec_.name, name));
    if (entry->second.sizes() != size)
      throw Error(ErrorKind::invalid, fmt::format("weights of {}: tensor {} has size [{}], the net needs [{}]", spec_.name, name,
                                                  fmt::join(entry->second.sizes(), ", "), fmt::join(size, ", ")));
    Tensor tensor = entry->second.detach().to(device_, torch::kFloat32);
    weights_[name] = tensor.dim() == 4 ? tensor.contiguous(torch::MemoryFormat::ChannelsLast) : tensor.contiguous();
    weights.erase(entry);
  }
  if (!weights.empty())
    throw Error(ErrorKind::invalid, fmt::format("weights of {}: the net has no tensor {}", spec_.name, weights.begin()->first));
  for (int i = 0; i < static_cast<int>(spec_.layers.size()); ++i) {
    if (spec_.layers[i].kind == LayerKind::select) indices_[i] = torch::tensor(spec_.layers[i].indices, torch::kInt64).to(device_);
    for (int from : spec_.layers[i].inputs) {
      last_reader_[from] = i;
      ++readers_[from];
    }
  }
}

std::vector<Tensor> Net::parameters() const {
  std::vector<Tensor> parameters;
  for (const auto& [name, tensor] : weights_)
    if (name.find(".running_") == std::string::npos) parameters.push_back(tensor);
  return parameters;
}

void Net::require_gradients(bool required) {
  for (Tensor& parameter : parameters()) parameter.set_requires_grad(required);
}

void Net::assign(const Weights& weights) {
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : weights_) tensor.copy_(weights.at(name));
}

Tensor Net::run(int last, const Tensor& images, bool training, const Tap& tap) const {
  std::vector<Tensor> outputs(last + 1);
  for (int i = 0; i <= last; ++i) {
    if (i == 0) {
      outputs[i] = images;
    } else {
      const int from = spec_.layers[i].inputs[0];
      outputs[i] = run_layer(i, outputs, training, !tap && readers_[from] == 1 && makes_new_tensor(spec_.layers[from].kind));
    }
    if (tap) outputs[i] = tap(i, outputs[i]);
    for (int from : spec_.layers[i].inputs)
      if (last_reader_[from] == i) outputs[from] = Tensor();
  }
  return outputs.back();
}

const Tensor& Net::tensor(const Layer& layer, const char* what) const {
  static const Tensor none;
  const auto entry = weights_.find(layer.name + what);
  return entry == weights_.end() ? none : entry->second;
}

Tensor Net::run_layer(int index, const std::vector<Tensor>& outputs, bool training, bool may_overwrite) const {
  const Layer& layer = spec_.layers[index];
  const Tensor& x = outputs[layer.inputs[0]];
  const auto kernel = pair(layer.kernel), stride = pair(layer.stride), padding = pair(layer.padding), dilation = pair(layer.dilation);
  switch (layer.kind) {
    case LayerKind::input:
      break;
    case LayerKind::convolution:
      return at::conv2d(x, tensor(layer, ".weight"), tensor(layer, ".bias"), stride, padding, dilation, layer.groups);
    case LayerKind::linear:
      return linear(x.flatten(1), tensor(layer, ".weight"), tensor(layer, ".bias"));
    case LayerKind::batch_norm:
      return at::batch_norm(x, tensor(layer, ".weight"), tensor(layer, ".bias"), tensor(layer, ".running_mean"),
                            tensor(layer, ".running_var"), training, batch_norm_momentum, layer.epsilon, false);
    case LayerKind::local_response_norm:
      return x * response_factor(layer, x);
    case LayerKind::relu:
      return may_overwrite ? at::relu_(const_cast<Tensor&>(x)) : at::relu(x);
    case LayerKind::relu6:
      return at::clamp(x, 0, 6);  // hardtanh has no bf16 gradient in LibTorch 1.13, nor have hardswish and hardsigmoid
    case LayerKind::leaky_relu:
      return at::leaky_relu(x, layer.slope);
    case LayerKind::silu:
      return at::silu(x);
    case LayerKind::gelu:
      return at::gelu(x);
    case LayerKind::hard_swish:
      return x * (at::clamp(x + 3, 0, 6) / 6);
    case LayerKind::sigmoid:
      return at::sigmoid(x);
    case LayerKind::hard_sigmoid:
      return at::clamp(x + 3, 0, 6) / 6;
    case LayerKind::prelu:
      return at::prelu(x, tensor(layer, ".weight"));
    case LayerKind::max_pool:
      return at::max_pool2d(x, kernel, stride, padding, dilation, layer.ceil_mode);
    case LayerKind::average_pool:
      return at::avg_pool2d(x, kernel, stride, padding, layer.ceil_mode, layer.count_padding);
    case LayerKind::adaptive_average_pool:
      return at::adaptive_avg_pool2d(x, {layer.size, layer.size});
    case LayerKind::zero_pad:
      return at::constant_pad_nd(x, {layer.padding[1], layer.padding_end[1], layer.padding[0], layer.padding_end[0]});
    case LayerKind::concat: {
      std::vector<Tensor> parts;
      for (int from : layer.inputs) parts.push_back(outputs[from]);
      return at::cat(parts, 1);
    }
    case LayerKind::select:
      if (is_slice(layer)) return x.narrow(1, layer.indices.front(), static_cast<std::int64_t>(layer.indices.size()));
      return at::index_select(x, 1, indices(index));
    case LayerKind::add: {
      Tensor sum = outputs[layer.inputs[0]];
      for (std::size_t i = 1; i < layer.inputs.size(); ++i) sum = sum + outputs[layer.inputs[i]];
      return sum;
    }
    case LayerKind::multiply:
      return x * gate_for(x, outputs[layer.inputs[1]]);
    case LayerKind::flatten:
      return x.flatten(1);
    case LayerKind::dropout:
      return at::dropout(x, layer.rate, training);
  }
  throw Error(ErrorKind::internal, fmt::format("layer {} cannot be run", layer.name));
}

}  // namespace eval
