// GELU as exporters write it where the operator set has no node for it: x * (1 + erf(x / sqrt(2))) / 2, the half last
// or with the sum.
#include <onnx/onnx_pb.h>

#include <cmath>
#include <numbers>
#include <utility>

#include "eval/formats/onnx_layers.h"
#include "eval/formats/onnx_tensor.h"
#include "storage/base/error.h"

namespace eval {

namespace {

bool is_near(double value, double wanted) {
  return std::abs(value - wanted) < 1e-6;
}

}  // namespace

/// What the input is of a GELU: a part that was found before, a map, or neither.
std::optional<OnnxLayers::GeluPart> OnnxLayers::gelu_part(const OnnxNode& node, int i) const {
  const Value& x = value(node, i);
  if (x.gelu) return x.gelu;
  if (x.layer < 0 || x.arranged.defined() || x.ones != 0 || x.zeros != std::array{0, 0}) return std::nullopt;
  return GeluPart{GeluPart::Form::map, x.layer, x.flat, 1};
}

std::optional<double> OnnxLayers::single_number(const OnnxNode& node, int i) {
  const onnx::TensorProto* tensor = value(node, i).constant;
  if (tensor == nullptr || !onnx_is_float(tensor->data_type()) || onnx_elements(*tensor) != 1) return std::nullopt;
  return scalar(node, i);
}

void OnnxLayers::define_gelu(const OnnxNode& node, const GeluPart& part) {
  if (part.form != GeluPart::Form::product || !is_near(part.factor, 0.5)) return define(node, {.gelu = part});
  Layer layer = new_layer(node, LayerKind::gelu);
  layer.inputs = {part.of};
  define(node, {.layer = append(std::move(layer)), .flat = part.flat, .direct = true});
}

/// A map is a part only by 1 / sqrt(2): other factors of a map are not covered.
bool OnnxLayers::scale_gelu(const OnnxNode& node, int i, double factor) {
  std::optional<GeluPart> part = gelu_part(node, i);
  if (!part || part->form == GeluPart::Form::error) return false;
  part->factor *= factor;
  if (part->form == GeluPart::Form::map && !is_near(part->factor, 1 / std::numbers::sqrt2)) return false;
  define_gelu(node, *part);
  return true;
}

bool OnnxLayers::take_gelu_div(const OnnxNode& node) {
  const std::optional<double> divisor = node.input_count() == 2 ? single_number(node, 1) : std::nullopt;
  return divisor && *divisor != 0 && scale_gelu(node, 0, 1 / *divisor);
}

bool OnnxLayers::take_gelu_mul(const OnnxNode& node) {
  for (const int i : {0, 1})
    if (const std::optional<double> factor = single_number(node, 1 - i)) return scale_gelu(node, i, *factor);
  for (const int i : {0, 1}) {
    const std::optional<GeluPart> map = gelu_part(node, i), shifted = gelu_part(node, 1 - i);
    if (!map || map->form != GeluPart::Form::map || !shifted || shifted->form != GeluPart::Form::shifted || map->of != shifted->of)
      continue;
    define_gelu(node, {GeluPart::Form::product, map->of, map->flat, map->factor * shifted->factor});
    return true;
  }
  return false;
}

bool OnnxLayers::take_gelu_add(const OnnxNode& node) {
  for (const int i : {0, 1}) {
    const Value& x = value(node, i);
    if (!x.gelu || x.gelu->form != GeluPart::Form::error || single_number(node, 1 - i) != 1) continue;
    define_gelu(node, {GeluPart::Form::shifted, x.gelu->of, x.gelu->flat, 1});
    return true;
  }
  return false;
}

void OnnxLayers::read_erf(const OnnxNode& node) {
  const std::optional<GeluPart> part = gelu_part(node, 0);
  if (!part || part->form != GeluPart::Form::map || !is_near(part->factor, 1 / std::numbers::sqrt2))
    storage::refuse("is covered only as a part of GELU, x * (1 + erf(x / sqrt(2))) / 2");
  define_gelu(node, {GeluPart::Form::error, part->of, part->flat, 1});
}

}  // namespace eval
