// Layout arithmetic of ONNX graphs, carried out on a probe and recognised by its result: members of OnnxLayers.
#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "eval/formats/onnx_layers.h"
#include "eval/formats/onnx_tensor.h"
#include "storage/base/error.h"

namespace eval {

using torch::Tensor;

namespace {

constexpr std::int64_t most_elements = 1 << 24;  // of a probe, or of what becomes of it
constexpr std::int64_t most_arranged = 1 << 28;  // of all that are kept
constexpr std::uint64_t probe_seed = 1;

Tensor bounded(const Tensor& tensor) {
  if (tensor.numel() > most_elements)
    storage::refuse(fmt::format("makes {} values; arrangements of at most {} are covered", tensor.numel(), most_elements));
  return tensor;
}

std::int64_t from_front(std::int64_t axis, std::int64_t rank) {
  const std::int64_t counted = axis < 0 ? axis + rank : axis;
  if (counted < 0 || counted >= rank) storage::refuse(fmt::format("the axis {} is none of {}", axis, rank));
  return counted;
}

std::int64_t elements_of(const std::vector<std::int64_t>& sizes) {
  std::int64_t elements = 1;
  for (const std::int64_t size : sizes) {
    if (size < 0 || (size > 0 && elements > most_elements / size)) storage::refuse(fmt::format("makes more than {} values", most_elements));
    elements *= size;
  }
  return elements;
}

Tensor gathered(const Tensor& x, std::int64_t axis, const Tensor& indices) {
  const std::int64_t along = from_front(axis, x.dim());
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes.erase(sizes.begin() + along);
  sizes.insert(sizes.begin() + along, indices.sizes().begin(), indices.sizes().end());
  elements_of(sizes);
  const Tensor flat = indices.flatten();
  return x.index_select(along, at::where(flat < 0, flat + x.size(along), flat)).reshape(sizes);
}

/// x at places that are given by their first coordinates, which lie along the last axis of the indices.
Tensor gathered_by_place(const Tensor& x, const Tensor& indices) {
  const std::int64_t given = indices.dim() == 0 ? 0 : indices.size(-1);
  if (given < 1 || given > x.dim()) storage::refuse(fmt::format("gives places by {} coordinates of {}", given, x.dim()));
  Tensor place = torch::zeros({indices.numel() / given}, torch::kInt64);
  const Tensor rows = indices.reshape({-1, given});
  for (std::int64_t axis = 0; axis < given; ++axis) {
    const Tensor coordinate = rows.select(1, axis);
    const Tensor counted = at::where(coordinate < 0, coordinate + x.size(axis), coordinate);
    if (at::logical_or(counted < 0, counted >= x.size(axis)).any().item<bool>()) storage::refuse("gathers beyond what it reads");
    place = place * x.size(axis) + counted;
  }
  std::vector<std::int64_t> rest(x.sizes().begin() + given, x.sizes().end()), sizes(indices.sizes().begin(), indices.sizes().end() - 1);
  sizes.insert(sizes.end(), rest.begin(), rest.end());
  elements_of(sizes);
  rest.insert(rest.begin(), -1);
  return x.reshape(rest).index_select(0, place).reshape(sizes);
}

/// Where the numbers of `made` stand in `probe`, all of whose numbers differ; empty where one does not, or twice does.
std::vector<int> places_in(const Tensor& made, const Tensor& probe) {
  const Tensor from = probe.contiguous(), to = made.contiguous();
  const double *numbers = from.data_ptr<double>(), *wanted = to.data_ptr<double>();
  std::vector<int> by_number(static_cast<std::size_t>(from.numel())), places;
  std::iota(by_number.begin(), by_number.end(), 0);
  std::sort(by_number.begin(), by_number.end(), [&](int a, int b) { return numbers[a] < numbers[b]; });
  std::vector<bool> taken(by_number.size(), false);
  for (std::int64_t i = 0; i < to.numel(); ++i) {
    const auto found =
        std::lower_bound(by_number.begin(), by_number.end(), wanted[i], [&](int a, double number) { return numbers[a] < number; });
    if (found == by_number.end() || numbers[*found] != wanted[i] || taken[static_cast<std::size_t>(*found)]) return {};
    taken[static_cast<std::size_t>(*found)] = true;
    places.push_back(*found);
  }
  return places;
}

Tensor as_indices(const std::vector<int>& indices) {
  return torch::tensor(std::vector<std::int64_t>(indices.begin(), indices.end()), torch::kInt64);
}

}  // namespace

/// The node reads what layout arithmetic made, or did not make yet a layer's output.
bool OnnxLayers::is_arranged(const OnnxNode& node) const {
  for (int i = 0; i < node.input_count(); ++i)
    if (node.has_input(i) && value(node, i).arranged.defined()) return true;
  return false;
}

bool OnnxLayers::is_float_constant(const OnnxNode& node) const {
  const onnx::TensorProto* constant = value(node, 0).constant;
  return constant && onnx_is_float(constant->data_type());
}

void OnnxLayers::count_arranged(std::int64_t values) {
  if ((arranged_ += values) > most_arranged) storage::refuse(fmt::format("makes with those before it more than {} values", most_arranged));
}

/// Random numbers in the place of a layer's output, all of them different: [batch, C, H, W] or [batch, features], fp64.
const Tensor& OnnxLayers::probe(const Value& value) {
  Tensor& numbers = probes_[value.layer];
  if (numbers.defined()) return numbers;
  std::vector<std::int64_t> sizes{probe_batch(), shape(value).channels};
  if (!value.flat) sizes.insert(sizes.end(), {shape(value).height, shape(value).width});
  count_arranged(elements_of(sizes));
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(probe_seed);
  return numbers = torch::empty(sizes, torch::kFloat64).uniform_(0.5, 1.5, generator);
}

/// An input as arithmetic takes it: what became of a probe, a probe, or a constant.
Tensor OnnxLayers::operand(const OnnxNode& node, int i) {
  const Value& x = value(node, i);
  if (x.arranged.defined()) return x.arranged;
  if (x.layer >= 0) {
    if (x.zeros != std::array{0, 0}) storage::refuse("reads the zeros of a Pad, which only Conv and AveragePool may");
    Tensor numbers = probe(x);
    for (int axis = 0; axis < x.ones; ++axis) numbers = numbers.unsqueeze(-1);
    return numbers;
  }
  const onnx::TensorProto& given = constant(node, i);
  return given.data_type() == onnx::TensorProto::BOOL ? onnx_indices(given).to(torch::kBool) : onnx_floats(given).to(torch::kFloat64);
}

/// Numbers that newer operator sets have as an input and older ones as an attribute.
std::vector<std::int64_t> OnnxLayers::layout_numbers(const OnnxNode& node, int i, const char* attribute) const {
  return node.has_input(i) ? numbers(node, i) : node.integers(attribute);
}

std::vector<Tensor> OnnxLayers::arranged_outputs(const OnnxNode& node) {
  const std::string& type = node.proto().op_type();
  const Tensor x = type == "Where" ? Tensor() : operand(node, 0);
  const auto batch_filled = [&](std::vector<std::int64_t> sizes) {
    std::replace(sizes.begin(), sizes.end(), std::numeric_limits<std::int64_t>::min(), probe_batch());
    return sizes;
  };
  if (type == "Transpose") {
    std::vector<std::int64_t> order = node.integers("perm");
    for (std::int64_t axis = x.dim() - 1; node.integers("perm").empty() && axis >= 0; --axis) order.push_back(axis);
    return {x.permute(order)};
  }
  if (type == "Reshape") {
    std::vector<std::int64_t> sizes = batch_filled(numbers(node, 1));
    for (std::size_t i = 0; node.integer("allowzero", 0) == 0 && i < sizes.size(); ++i)
      if (sizes[i] == 0) sizes[i] = x.size(static_cast<std::int64_t>(i));
    return {x.reshape(sizes)};
  }
  if (type == "Flatten") {
    const std::int64_t given = node.integer("axis", 1), axis = given == x.dim() ? given : from_front(given, x.dim());
    std::int64_t rows = 1;
    for (std::int64_t i = 0; i < axis; ++i) rows *= x.size(i);
    return {x.reshape({rows, -1})};
  }
  if (type == "Squeeze") {
    std::vector<std::int64_t> axes = layout_numbers(node, 1, "axes"), kept;
    for (std::int64_t& axis : axes) axis = from_front(axis, x.dim());
    for (std::int64_t axis = 0; axis < x.dim(); ++axis) {
      const bool goes = axes.empty() ? x.size(axis) == 1 : std::count(axes.begin(), axes.end(), axis) > 0;
      if (goes && x.size(axis) != 1) storage::refuse(fmt::format("squeezes the axis {} of {}", axis, x.size(axis)));
      if (!goes) kept.push_back(x.size(axis));
    }
    return {x.reshape(kept)};
  }
  if (type == "Unsqueeze") {
    std::vector<std::int64_t> axes = layout_numbers(node, 1, "axes");
    const std::int64_t rank = x.dim() + static_cast<std::int64_t>(axes.size());
    for (std::int64_t& axis : axes) axis = from_front(axis, rank);
    std::sort(axes.begin(), axes.end());
    Tensor made = x;
    for (const std::int64_t axis : axes) made = made.unsqueeze(axis);
    return {made};
  }
  if (type == "Split") {
    const std::int64_t axis = from_front(node.integer("axis", 0), x.dim()), parts = node.proto().output_size();
    std::vector<std::int64_t> sizes = layout_numbers(node, 1, "split");
    if (sizes.empty()) {
      const std::int64_t each = (x.size(axis) + parts - 1) / parts;
      sizes.assign(static_cast<std::size_t>(parts), each);
      sizes.back() = x.size(axis) - each * (parts - 1);
    }
    return x.split_with_sizes(sizes, axis);
  }
  if (type == "Slice") {
    const std::vector<std::int64_t> starts = layout_numbers(node, 1, "starts"), ends = layout_numbers(node, 2, "ends"),
                                    axes = layout_numbers(node, 3, "axes"),
                                    steps = node.has_input(4) ? numbers(node, 4) : std::vector<std::int64_t>();
    Tensor made = x;
    for (std::size_t i = 0; i < starts.size(); ++i)
      made =
          at::slice(made, axes.empty() ? static_cast<std::int64_t>(i) : axes.at(i), starts[i], ends.at(i), steps.empty() ? 1 : steps.at(i));
    return {made};
  }
  if (type == "Gather") return {gathered(x, node.integer("axis", 0), onnx_indices(constant(node, 1)))};
  if (type == "GatherND") {
    if (node.integer("batch_dims", 0) != 0) storage::refuse("batch_dims other than 0 are not covered");
    return {gathered_by_place(x, onnx_indices(constant(node, 1)))};
  }
  if (type == "ReduceMean") {
    const std::vector<std::int64_t> axes = layout_numbers(node, 1, "axes");
    if (axes.empty()) storage::refuse("the mean over everything is not covered");
    return {x.mean(axes, node.integer("keepdims", 1) != 0)};
  }
  if (type == "Concat") {
    std::vector<Tensor> parts;
    std::int64_t elements = 0;
    for (int i = 0; i < node.input_count(); ++i) elements_of({elements += parts.emplace_back(operand(node, i)).numel()});
    return {at::cat(parts, node.integer("axis", 0))};
  }
  if (type == "MatMul") {
    const Tensor factor = operand(node, 1);
    if (factor.dim() != 2 || x.dim() < 2) storage::refuse("only the product with a matrix of constants is covered");
    elements_of({x.numel() / std::max<std::int64_t>(1, x.size(-1)), factor.size(1)});
    return {x.matmul(factor)};
  }
  const Tensor y = operand(node, 1), other = type == "Where" ? operand(node, 2) : x;
  const std::vector<std::int64_t> sizes = at::infer_size(y.sizes(), other.sizes());
  elements_of(sizes);
  if (type == "Where") {
    const Tensor condition = operand(node, 0);
    elements_of(at::infer_size(condition.sizes(), sizes));
    return {at::where(condition.to(torch::kBool), y, other)};
  }
  if (type == "Add") return {x + y};
  if (type == "Sub") return {x - y};
  if (type == "Mul") return {x * y};
  if (type == "Div") return {x / y};
  storage::refuse("computes with what is no layer's output, which is not covered");
}

/// Carries the node out on the probe of the one layer that it reads, or on a constant.
void OnnxLayers::arrange(const OnnxNode& node) {
  const std::string& type = node.proto().op_type();
  int layer = -1;
  bool flat = false;
  for (int i = 0; i < node.input_count(); ++i) {
    const Value* read = node.has_input(i) ? &value(node, i) : nullptr;
    if (!read || read->layer < 0) continue;
    if (layer >= 0 && read->layer != layer) storage::refuse("arranges the outputs of two layers, which is not covered");
    layer = read->layer;
    flat = read->flat;
  }
  std::vector<Tensor> made;
  try {
    made = arranged_outputs(node);
  } catch (const storage::Error&) {
    throw;
  } catch (const std::exception&) {  // of LibTorch: sizes that do not fit, axes that are not there
    storage::refuse("cannot be computed: its numbers do not fit the sizes that it reads");
  }
  for (std::size_t i = 0; i < made.size(); ++i) {
    const Tensor values = bounded(made[i]);
    count_arranged(values.numel());
    const int output = static_cast<int>(i);
    if (layer >= 0) {
      define(node, {.layer = layer, .flat = flat, .arranged = values, .maker = node.proto().name().empty() ? type : node.proto().name()},
             output);
      continue;
    }
    auto constant = std::make_shared<onnx::TensorProto>();
    constant->set_name(node.proto().output_size() > output ? node.proto().output(output) : "");
    constant->set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t size : values.sizes()) constant->add_dims(size);
    const Tensor plain = values.to(torch::kFloat32).contiguous();
    constant->set_raw_data(plain.data_ptr(), plain.nbytes());
    made_.push_back(constant);
    define(node, {.constant = constant.get()}, output);
  }
}

int OnnxLayers::append_arranged(LayerKind kind, const Value& value, int from, const std::function<void(Layer&)>& fill) {
  Layer layer;
  layer.kind = kind;
  layer.name = unused_name(value.maker.empty() ? to_string(kind) : value.maker);
  layer.inputs = {from};
  if (fill) fill(layer);
  return append(std::move(layer));
}

/// Makes layers of what became of a probe, where there are such layers; else leaves it and says false.
bool OnnxLayers::settle(Value& value) {
  const Tensor before = probe(value), made = value.arranged;
  const std::int64_t batch = before.size(0);
  if (made.dim() < 2 || made.size(0) != batch) return false;
  const auto settled = [&](int layer, bool flat) {
    value = {.layer = layer, .flat = flat, .direct = true};
    return true;
  };
  const auto select = [&](int from, const std::vector<int>& channels, bool flat) {
    if (std::ssize(channels) == shapes_[from].channels && std::is_sorted(channels.begin(), channels.end())) return settled(from, flat);
    return settled(append_arranged(LayerKind::select, value, from, [&](Layer& layer) { layer.indices = channels; }), flat);
  };
  if (made.dim() == 2) {  // features
    const Tensor features = before.flatten(1);
    const std::vector<int> places = places_in(made[0], features[0]);
    if (!places.empty() && torch::equal(made, features.index_select(1, as_indices(places))))
      return select(before.dim() == 2 ? value.layer : append_arranged(LayerKind::flatten, value, value.layer), places, /*flat=*/true);
    if (before.dim() != 4 || made.size(1) != before.size(1) || !at::allclose(made, before.mean({2, 3}), 1e-6)) return false;
    return settled(append_arranged(LayerKind::flatten, value, append_arranged(LayerKind::adaptive_average_pool, value, value.layer)), true);
  }
  if (made.dim() != 4) return false;
  if (before.dim() == 2) {  // a flat vector as maps of 1x1, for a gate
    if (made.size(2) != 1 || made.size(3) != 1 || !torch::equal(made.flatten(1), before)) return false;
    value = {.layer = value.layer, .flat = true, .ones = 2};
    return true;
  }
  if (made.size(2) == before.size(2) && made.size(3) == before.size(3)) {
    const std::vector<int> places = places_in(made.select(0, 0).select(1, 0).select(1, 0), before.select(0, 0).select(1, 0).select(1, 0));
    if (!places.empty() && torch::equal(made, before.index_select(1, as_indices(places))))
      return select(value.layer, places, /*flat=*/false);
  }
  if (made.size(1) != before.size(1) || made.size(2) != made.size(3)) return false;
  const std::int64_t size = made.size(2);
  if (!at::allclose(made, at::adaptive_avg_pool2d(before, {size, size}), 1e-6)) return false;
  return settled(
      append_arranged(LayerKind::adaptive_average_pool, value, value.layer, [&](Layer& layer) { layer.size = static_cast<int>(size); }),
      false);
}

}  // namespace eval
