#include "eval/formats/onnx_tensor.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "eval/formats/onnx_node.h"
#include "storage/base/error.h"

namespace eval {

static_assert(std::endian::native == std::endian::little, "raw data of ONNX is little-endian");

namespace {

using onnx::TensorProto;

constexpr int most_dimensions = 8;
constexpr std::int64_t most_elements = 64;

/// Bytes of an element in raw_data, and how many elements lie in the field for the type where there is no raw_data.
struct Storage {
  int bytes, typed;
};

Storage storage_of(const TensorProto& tensor) {
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      return {4, tensor.float_data_size()};
    case TensorProto::DOUBLE:
      return {8, tensor.double_data_size()};
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
      return {2, tensor.int32_data_size()};
    case TensorProto::INT64:
      return {8, tensor.int64_data_size()};
    case TensorProto::INT32:
      return {4, tensor.int32_data_size()};
    case TensorProto::BOOL:
      return {1, tensor.int32_data_size()};
    default:
      onnx_refuse(tensor, fmt::format("has the type {}; covered are fp32, fp64, fp16, bf16, int64, int32 and bool", tensor.data_type()));
  }
}

/// A tensor of `type` from raw_data or, where there is none, from the values of a typed field.
template <class Element, class Values>
torch::Tensor filled(const TensorProto& tensor, torch::Dtype type, const Values& values) {
  torch::Tensor made = torch::empty(std::vector<std::int64_t>(tensor.dims().begin(), tensor.dims().end()), type);
  if (tensor.has_raw_data()) {
    if (!tensor.raw_data().empty()) std::memcpy(made.data_ptr(), tensor.raw_data().data(), tensor.raw_data().size());
    return made;
  }
  Element* to = static_cast<Element*>(made.data_ptr());
  for (const auto value : values) *to++ = static_cast<Element>(value);
  return made;
}

}  // namespace

void onnx_refuse(const TensorProto& tensor, const std::string& why) {
  storage::refuse(fmt::format("tensor '{}' {}", onnx_shown(tensor.name()), why));
}

bool onnx_is_external(const TensorProto& tensor) {
  return tensor.data_location() == TensorProto::EXTERNAL || tensor.external_data_size() > 0;
}

bool onnx_is_float(int type) {
  return type == TensorProto::FLOAT || type == TensorProto::FLOAT16 || type == TensorProto::BFLOAT16 || type == TensorProto::DOUBLE;
}

std::int64_t onnx_elements(const TensorProto& tensor) {
  if (onnx_is_external(tensor))
    onnx_refuse(tensor, "has its data in another file; save the model with its weights inside");
  if (tensor.has_segment()) onnx_refuse(tensor, "comes in segments, which are not covered");
  if (tensor.dims_size() > most_dimensions)
    onnx_refuse(tensor, fmt::format("has {} dimensions; at most {} are covered", tensor.dims_size(), most_dimensions));
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / std::int64_t{sizeof(double)};
  std::int64_t elements = 1, strides = 1;  // LibTorch multiplies sizes for strides too, 0 counted as 1
  for (const std::int64_t size : tensor.dims()) {
    const std::int64_t step = std::max<std::int64_t>(1, size);
    if (size < 0 || strides > most / step) onnx_refuse(tensor, fmt::format("has the size {}, out of range", size));
    strides *= step;
    elements *= size;
  }
  const Storage data = storage_of(tensor);
  const std::size_t raw = tensor.raw_data().size();
  const bool whole =
      tensor.has_raw_data() ? raw % data.bytes == 0 && raw / data.bytes == static_cast<std::size_t>(elements) : data.typed == elements;
  if (!whole) {
    onnx_refuse(tensor, fmt::format("of size [{}] needs {} elements, its data has {}", fmt::join(tensor.dims(), ", "), elements,
                                    tensor.has_raw_data() ? fmt::format("{} bytes", raw) : std::to_string(data.typed)));
  }
  return elements;
}

torch::Tensor onnx_floats(const TensorProto& tensor) {
  onnx_elements(tensor);
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      return filled<float>(tensor, torch::kFloat32, tensor.float_data());
    case TensorProto::DOUBLE:
      return filled<double>(tensor, torch::kFloat64, tensor.double_data()).to(torch::kFloat32);
    case TensorProto::FLOAT16:
      return filled<std::uint16_t>(tensor, torch::kFloat16, tensor.int32_data()).to(torch::kFloat32);
    case TensorProto::BFLOAT16:
      return filled<std::uint16_t>(tensor, torch::kBFloat16, tensor.int32_data()).to(torch::kFloat32);
    default:
      onnx_refuse(tensor, "holds integers where numbers with a fraction are needed");
  }
}

torch::Tensor onnx_indices(const TensorProto& tensor) {
  onnx_elements(tensor);
  switch (tensor.data_type()) {
    case TensorProto::INT64:
      return filled<std::int64_t>(tensor, torch::kInt64, tensor.int64_data());
    case TensorProto::INT32:
      return filled<std::int32_t>(tensor, torch::kInt32, tensor.int32_data()).to(torch::kInt64);
    case TensorProto::BOOL:
      return filled<std::uint8_t>(tensor, torch::kUInt8, tensor.int32_data()).to(torch::kInt64);
    default:
      onnx_refuse(tensor, "does not hold integers");
  }
}

std::vector<std::int64_t> onnx_integers(const TensorProto& tensor) {
  const std::int64_t elements = onnx_elements(tensor);
  if (elements > most_elements) onnx_refuse(tensor, fmt::format("has {} elements where at most {} are needed", elements, most_elements));
  const torch::Tensor read = onnx_indices(tensor);
  const std::int64_t* values = read.data_ptr<std::int64_t>();
  return {values, values + elements};
}

}  // namespace eval
