#include "eval/precision.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <malloc.h>

#include <array>
#include <new>

#include "storage/base/error.h"
#include "storage/base/named.h"

namespace eval {

namespace {

void set_autocast(torch::Device device, at::ScalarType type, bool enabled) {
#if NAS_TORCH_SINCE(2, 4)
  at::autocast::set_autocast_dtype(device.type(), type);
  at::autocast::set_autocast_enabled(device.type(), enabled);
#else
  if (device.is_cuda()) {
    at::autocast::set_autocast_gpu_dtype(type);
    at::autocast::set_enabled(enabled);
  } else {
    at::autocast::set_autocast_cpu_dtype(type);
    at::autocast::set_cpu_enabled(enabled);
  }
#endif
}

void allow_tf32(bool allowed) {
  at::globalContext().setAllowTF32CuDNN(allowed);
  at::globalContext().setAllowTF32CuBLAS(allowed);
}

bool is_autocast(Precision precision) {
  return precision == Precision::bf16 || precision == Precision::fp16;
}

}  // namespace

std::string to_string(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return "fp32";
    case Precision::bf16:
      return "bf16";
    case Precision::fp16:
      return "fp16";
    case Precision::tf32:
      return "tf32";
  }
  throw storage::Error(storage::ErrorKind::internal, "unknown precision");
}

Precision precision_from_string(const std::string& text) {
  static constexpr std::array precisions{Precision::fp32, Precision::bf16, Precision::fp16, Precision::tf32};
  return storage::find_named(precisions, text, "precision", [](Precision precision) { return to_string(precision); });
}

bool has_bf16(torch::Device device) {
  if (device.is_cuda()) return at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8();
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");  // every processor with AMX has it too
#else
  return false;
#endif
}

PrecisionScope::PrecisionScope(Precision precision, torch::Device device)
    : device_(device), precision_(precision), had_tf32_(at::globalContext().allowTF32CuDNN()) {
  if ((precision == Precision::fp16 || precision == Precision::tf32) && !device.is_cuda())
    throw storage::Error(storage::ErrorKind::environment,
                         "precision " + to_string(precision) + " needs a CUDA device; valid: fp32, bf16 or auto");
  if (precision == Precision::tf32) allow_tf32(true);
  if (!is_autocast(precision)) return;
  at::autocast::increment_nesting();
  set_autocast(device_, precision == Precision::fp16 ? at::kHalf : at::kBFloat16, true);
}

PrecisionScope::~PrecisionScope() {
  if (precision_ == Precision::tf32) allow_tf32(had_tf32_);
  if (!is_autocast(precision_)) return;
  set_autocast(device_, at::kBFloat16, false);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

bool is_bf16_on_cpu() {
#if NAS_TORCH_SINCE(2, 4)
  return at::autocast::is_autocast_enabled(at::kCPU);
#else
  return at::autocast::is_cpu_enabled();
#endif
}

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return true;
  const std::string message = error.what();
  // LibTorch's own words, then those of cuBLAS and cuDNN; the last are what both say where memory lacks for a handle, and LibTorch where it
  // lacks for every algorithm that cuDNN's benchmark tries.
  for (const char* words : {"out of memory", "allocate memory", "_ALLOC_FAILED", "_ALLOCATION_FAILED", "CUBLAS_STATUS_NOT_INITIALIZED",
                            "CUDNN_STATUS_NOT_INITIALIZED", "unable to find an engine"})
    if (message.find(words) != std::string::npos) return true;
  return false;
}

void prepare_process(int threads, bool deterministic) {
  at::set_num_threads(threads);
  at::set_num_interop_threads(1);
  at::globalContext().setDeterministicAlgorithms(deterministic, /*warn_only=*/true);
#if NAS_TORCH_SINCE(2, 2)
  at::globalContext().setDeterministicFillUninitializedMemory(false);  // what is read is written first: nothing is gained by filling
#endif
  at::globalContext().setBenchmarkCuDNN(!deterministic);
  allow_tf32(false);  // fp32 is said, and fp32 is meant
  at::globalContext().setFlushDenormal(true);
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2047 << 20);
  mallopt(M_TOP_PAD, 64 << 20);
}

}  // namespace eval
