// Arithmetic and threads of LibTorch, and the one place that knows what differs between its versions.
#pragma once

#include <exception>
#include <string>

#include <torch/version.h>

#include "eval/torch.h"

#define NAS_TORCH_SINCE(major, minor) (TORCH_VERSION_MAJOR > major || (TORCH_VERSION_MAJOR == major && TORCH_VERSION_MINOR >= minor))

namespace eval {

/// bf16, fp16: convolutions and linear layers in that (autocast), weights, sums and losses in fp32. tf32: fp32 whose products a GPU of
/// compute capability 8 takes from 10 bits of mantissa.
enum class Precision { fp32, bf16, fp16, tf32 };

std::string to_string(Precision precision);
/// Throws storage::Error(invalid) for an unknown name.
Precision precision_from_string(const std::string& text);

/// The processor computes in bfloat16 itself (avx512_bf16 or AMX); on CUDA a GPU of compute capability 8 does.
bool has_bf16(torch::Device device);

/// Arithmetic in `precision` while the object lives. Of bf16 and fp16 the forward pass belongs under it, of tf32 the backward pass too.
/// Throws storage::Error(environment) for fp16 and tf32 on a CPU.
class PrecisionScope {
 public:
  PrecisionScope(Precision precision, torch::Device device);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  torch::Device device_;
  Precision precision_;
  bool had_tf32_;
};

/// Whether this thread is under a PrecisionScope that lets a processor compute in bf16.
bool is_bf16_on_cpu();

/// Whether this is what LibTorch, on a processor or a GPU, or the C++ library says when there is no more memory.
bool is_out_of_memory(const std::exception& error);

/// Threads of LibTorch's operators; fp32 without TF32; deterministic algorithms, or the fastest of cuDNN's, which are measured. Memory that
/// an operator frees is kept for the next one instead of being returned to the system: without this most of a small net's time goes to page
/// faults. A deterministic GPU also needs CUBLAS_WORKSPACE_CONFIG=:4096:8 in the environment.
void prepare_process(int threads, bool deterministic = true);

}  // namespace eval
