// Arithmetic and threads of LibTorch, and the one place that knows what differs between its versions.
#pragma once

#include <exception>
#include <string>

#include "eval/torch.h"

namespace eval {

/// bf16, fp16: convolutions and linear layers in that (autocast), weights, sums and losses in fp32.
enum class Precision { fp32, bf16, fp16 };

std::string to_string(Precision precision);
/// Throws storage::Error(invalid) for an unknown name.
Precision precision_from_string(const std::string& text);

/// The processor computes in bfloat16 itself (avx512_bf16 or AMX); on CUDA a GPU of compute capability 8 does.
bool has_bf16(torch::Device device);

/// Autocast to `precision` while the object lives.
class AutocastScope {
 public:
  AutocastScope(Precision precision, torch::Device device);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  torch::Device device_;
  bool enabled_;
};

/// Whether this is what LibTorch, on a processor or a GPU, or the C++ library says when there is no more memory.
bool is_out_of_memory(const std::exception& error);

/// Threads of LibTorch's operators; deterministic algorithms only; fp32 without TF32. Memory that an operator frees is kept for the next
/// one instead of being returned to the system: without this most of a small net's time goes to page faults.
void prepare_process(int threads);

}  // namespace eval
