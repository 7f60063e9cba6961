#include "eval/device.h"

#include <fcntl.h>
#include <malloc.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <unistd.h>

#include <exception>
#include <fstream>
#include <string>

#include "eval/precision.h"

#if NAS_TORCH_SINCE(2, 9)
#include <ATen/DeviceAccelerator.h>
#endif

namespace eval {

bool device_answers(torch::Device device) {
  if (!device.is_cuda()) return true;
  try {
    torch::cuda::synchronize();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

void release_memory(torch::Device device) {
  if (device.is_cpu()) malloc_trim(0);  // prepare_process makes glibc keep what is freed
#if NAS_TORCH_SINCE(2, 9)
  if (device.is_cuda()) at::accelerator::emptyCache();
#endif
}

PeakMemory::PeakMemory(torch::Device device) : device_(device) {
  if (device.is_cpu()) {
    // proc(5): "5" sets the peak resident set size back to what it is now.
    if (const int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC); file >= 0) {
      (void)!write(file, "5", 1);
      close(file);
    }
    return;
  }
#if NAS_TORCH_SINCE(2, 9)
  torch::empty({0}, torch::TensorOptions(device));  // makes LibTorch set up its allocator, which has no statistics before
  at::accelerator::resetPeakStats(at::accelerator::getDeviceIndex());
#endif
}

std::int64_t PeakMemory::bytes() const {
  if (device_.is_cpu()) {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
      if (std::int64_t kilobytes = 0; word == "VmHWM:" && status >> kilobytes) return kilobytes << 10;
    return 0;
  }
#if NAS_TORCH_SINCE(2, 9)
  const auto stats = at::accelerator::getDeviceStats(at::accelerator::getDeviceIndex());
  return stats.allocated_bytes[static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
#else
  return 0;
#endif
}

}  // namespace eval
