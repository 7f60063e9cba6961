#include "eval/formats/torchscript.h"

#include <fmt/format.h>
#include <torch/script.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "eval/formats/pixel_statistics.h"
#include "eval/nets/layer_shape.h"
#include "storage/base/error.h"

namespace eval {

namespace {

std::string list(const std::array<int, 2>& numbers) {
  return fmt::format("[{}, {}]", numbers[0], numbers[1]);
}

/// The right-hand side of a layer; x are the names of its inputs' values, flat_gate: a flat vector multiplies a map.
std::string expression(const Layer& layer, const std::vector<std::string>& x, bool flat_gate) {
  const auto tensor = [&](const char* what) { return "self." + torchscript_name(layer.name + what); };
  const std::string bias = layer.bias ? tensor(".bias") : "None";
  switch (layer.kind) {
    case LayerKind::input:
    case LayerKind::dropout:
      return x[0];
    case LayerKind::convolution:
      return fmt::format("torch.conv2d({}, {}, {}, {}, {}, {}, {})", x[0], tensor(".weight"), bias, list(layer.stride), list(layer.padding),
                         list(layer.dilation), layer.groups);
    case LayerKind::linear:
      return fmt::format("torch.linear(torch.flatten({}, 1), {}, {})", x[0], tensor(".weight"), bias);
    case LayerKind::batch_norm:
      return fmt::format("torch.batch_norm({}, {}, {}, {}, {}, False, 0.1, {:#}, False)", x[0], tensor(".weight"), tensor(".bias"),
                         tensor(".running_mean"), tensor(".running_var"), layer.epsilon);
    case LayerKind::local_response_norm:
      return fmt::format(
          "{0} * torch.pow(torch.squeeze(torch.avg_pool3d(torch.constant_pad_nd(torch.unsqueeze({0} * {0}, 1), [0, 0, 0, 0, {1}, {2}], "
          "0.0), "
          "[{3}, 1, 1], [1, 1, 1]), 1) * {4:#} + {5:#}, -{6:#})",
          x[0], layer.size / 2, (layer.size - 1) / 2, layer.size, layer.alpha, layer.k, layer.beta);
    case LayerKind::relu:
      return fmt::format("torch.relu({})", x[0]);
    case LayerKind::relu6:
      return fmt::format("torch.clamp({}, 0.0, 6.0)", x[0]);
    case LayerKind::leaky_relu:
      return fmt::format("torch.leaky_relu({}, {:#})", x[0], layer.slope);
    case LayerKind::silu:
      return fmt::format("torch.silu({})", x[0]);
    case LayerKind::gelu:
      return fmt::format("torch.gelu({})", x[0]);
    case LayerKind::hard_swish:
      return fmt::format("torch.hardswish({})", x[0]);
    case LayerKind::sigmoid:
      return fmt::format("torch.sigmoid({})", x[0]);
    case LayerKind::hard_sigmoid:
      return fmt::format("torch.hardsigmoid({})", x[0]);
    case LayerKind::prelu:
      return fmt::format("torch.prelu({}, {})", x[0], tensor(".weight"));
    case LayerKind::max_pool:
      return fmt::format("torch.max_pool2d({}, {}, {}, {}, {}, {})", x[0], list(layer.kernel), list(layer.stride), list(layer.padding),
                         list(layer.dilation), layer.ceil_mode ? "True" : "False");
    case LayerKind::average_pool:
      return fmt::format("torch.avg_pool2d({}, {}, {}, {}, {}, {})", x[0], list(layer.kernel), list(layer.stride), list(layer.padding),
                         layer.ceil_mode ? "True" : "False", layer.count_padding ? "True" : "False");
    case LayerKind::adaptive_average_pool:
      return fmt::format("torch.adaptive_avg_pool2d({}, [{}, {}])", x[0], layer.size, layer.size);
    case LayerKind::zero_pad:
      return fmt::format("torch.constant_pad_nd({}, [{}, {}, {}, {}], 0.0)", x[0], layer.padding[1], layer.padding_end[1], layer.padding[0],
                         layer.padding_end[0]);
    case LayerKind::select:
      if (is_slice(layer)) return fmt::format("{}[:, {}:{}]", x[0], layer.indices.front(), layer.indices.back() + 1);
      return fmt::format("torch.index_select({}, 1, {})", x[0], tensor(".indices"));
    case LayerKind::concat:
      return fmt::format("torch.cat([{}], 1)", fmt::join(x, ", "));
    case LayerKind::add:
      return fmt::format("{}", fmt::join(x, " + "));
    case LayerKind::multiply:
      return fmt::format("{} * {}", x[0], flat_gate ? fmt::format("torch.unsqueeze(torch.unsqueeze({}, 2), 3)", x[1]) : x[1]);
    case LayerKind::flatten:
      return fmt::format("torch.flatten({}, 1)", x[0]);
  }
  throw storage::Error(storage::ErrorKind::internal, "unknown layer kind");
}

/// Attributes that Python reads as net.class_names and so on. No tensor has these names, which end in what the tensor is.
void add_info(torch::jit::Module& module, const NetSpec& spec, const NetInfo& info, bool end_to_end) {
  if (info == NetInfo()) return;
  const auto add_numbers = [&](const char* name, const std::vector<float>& numbers) {
    if (!numbers.empty())
      module.register_attribute(name, c10::ListType::ofFloats(), c10::List<double>(std::vector<double>(numbers.begin(), numbers.end())));
  };
  if (!info.task.empty()) module.register_attribute("task", c10::StringType::get(), info.task);
  if (!info.class_names.empty())
    module.register_attribute("class_names", c10::ListType::ofStrings(), c10::List<std::string>(info.class_names));
  if (!end_to_end) {  // what is built in must not be done again
    add_numbers("mean", info.mean);
    add_numbers("deviation", info.deviation);
  }
  module.register_attribute("takes", c10::StringType::get(), std::string(takes(end_to_end)));
  const Shape input = output_shapes(spec).front();
  module.register_attribute("input_size", c10::ListType::ofInts(), c10::List<std::int64_t>({input.channels, input.height, input.width}));
}

}  // namespace

std::string torchscript_name(const std::string& tensor) {
  std::string name = tensor;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return std::isdigit(static_cast<unsigned char>(name[0])) ? "_" + name : name;
}

std::string torchscript_source(const NetSpec& spec, bool end_to_end) {
  const std::vector<bool> flat = flat_vectors(spec);
  std::string source = "def forward(self, x0):\n";
  if (end_to_end) source += "    x0 = (x0 - self.pixel_mean) / self.pixel_deviation\n";
  for (std::size_t i = 1; i < spec.layers.size(); ++i) {
    std::vector<std::string> inputs;
    for (int from : spec.layers[i].inputs) inputs.push_back(fmt::format("x{}", from));
    const bool flat_gate = !flat[i] && flat[spec.layers[i].inputs.back()];
    source += fmt::format("    x{} = {}\n", i, expression(spec.layers[i], inputs, flat_gate));
  }
  const std::string scores = fmt::format("x{}", spec.layers.size() - 1);
  return source + fmt::format("    return {}\n", end_to_end ? fmt::format("torch.softmax({}, 1)", scores) : scores);
}

torch::jit::Module torchscript_module(const NetSpec& spec, const Weights& weights, const NetInfo& info, bool end_to_end) {
  torch::jit::Module module(spec.name.empty() ? "net" : torchscript_name(spec.name));
  std::map<std::string, std::string> taken;  // by attribute: the tensor
  for (const auto& [name, tensor] : weights) {
    const std::string attribute = torchscript_name(name);
    if (const auto [other, is_new] = taken.try_emplace(attribute, name); !is_new)
      throw storage::Error(
          storage::ErrorKind::invalid,
          fmt::format("{}: tensors '{}' and '{}' would both be called {} in TorchScript; valid: layers whose names differ in "
                      "letters or digits",
                      spec.name, other->second, name, attribute));
    const torch::Tensor plain = tensor.detach().to(torch::kCPU).contiguous();
    if (name.find(".running_") == std::string::npos)
      module.register_parameter(attribute, plain, false);
    else
      module.register_buffer(attribute, plain);
  }
  for (const Layer& layer : spec.layers)
    if (layer.kind == LayerKind::select && !is_slice(layer))
      module.register_buffer(torchscript_name(layer.name + ".indices"), torch::tensor(layer.indices, torch::kInt64));
  add_info(module, spec, info, end_to_end);
  if (end_to_end) {
    const PixelStatistics pixels = pixel_statistics(info);
    module.register_buffer("pixel_mean", pixels.mean.view({1, -1, 1, 1}));
    module.register_buffer("pixel_deviation", pixels.deviation.view({1, -1, 1, 1}));
  }
  module.define(torchscript_source(spec, end_to_end));
  module.eval();
  return module;
}

void write_torchscript(const std::filesystem::path& path, const NetSpec& spec, const Weights& weights, const NetInfo& info,
                       bool end_to_end) {
  const auto fail = [&](const char* why) {
    throw storage::Error(storage::ErrorKind::environment, fmt::format("the net cannot be written as TorchScript: {}", why));
  };
  try {
    torchscript_module(spec, weights, info, end_to_end).save(path.string());
  } catch (const storage::Error&) {
    throw;
  } catch (const c10::Error& error) {
    fail(error.what_without_backtrace());
  } catch (const std::exception& error) {  // of LibTorch's compiler
    fail(error.what());
  }
}

}  // namespace eval
