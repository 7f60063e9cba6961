// Constants of an ONNX graph as LibTorch tensors and numbers. The ONNX reader calls it. Every function throws storage::Error(invalid)
// naming the tensor where the data's length contradicts the sizes, before anything is allocated.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eval/torch.h"

namespace onnx {
class TensorProto;
}

namespace eval {

/// Throws storage::Error(invalid), "tensor \'NAME\' why".
[[noreturn]] void onnx_refuse(const onnx::TensorProto& tensor, const std::string& why);

/// Whether its data lie in another file.
bool onnx_is_external(const onnx::TensorProto& tensor);

/// Whether a type of TensorProto holds numbers with a fraction that are read: fp32, fp16, bf16, fp64.
bool onnx_is_float(int type);

/// Number of elements, after checking sizes and data.
std::int64_t onnx_elements(const onnx::TensorProto& tensor);

/// A new fp32 tensor from fp32, fp64, fp16 or bf16.
torch::Tensor onnx_floats(const onnx::TensorProto& tensor);

/// An int64 tensor from int64, int32 or bool: which elements a node gathers.
torch::Tensor onnx_indices(const onnx::TensorProto& tensor);

/// At most 64 numbers from int64, int32 or bool: axes, shapes, switches.
std::vector<std::int64_t> onnx_integers(const onnx::TensorProto& tensor);

}  // namespace eval
