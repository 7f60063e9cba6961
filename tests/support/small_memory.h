// LibTorch's memory of the CPU with a limit to a piece: what a device that is full does.
#pragma once

#include <c10/core/CPUAllocator.h>

#include <cstring>

namespace support {

/// Refuses every allocation above the limit while it lives.
class SmallMemory : public c10::Allocator {
 public:
  explicit SmallMemory(std::size_t limit) : limit_(limit), usual_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this, 255); }
  ~SmallMemory() override { c10::SetCPUAllocator(usual_, 255); }

  // LibTorch 2.3 took the const from the first and added the last; whichever the base declares is overridden.
  c10::DataPtr allocate(std::size_t bytes) const { return limited(bytes); }
  c10::DataPtr allocate(std::size_t bytes) { return limited(bytes); }
  void copy_data(void* to, const void* from, std::size_t bytes) const { std::memcpy(to, from, bytes); }

  c10::DeleterFnPtr raw_deleter() const override { return usual_->raw_deleter(); }

 private:
  c10::DataPtr limited(std::size_t bytes) const {
    TORCH_CHECK(bytes <= limit_, "DefaultCPUAllocator: can't allocate memory: you tried to allocate ", bytes, " bytes");
    return usual_->allocate(bytes);
  }

  std::size_t limit_;
  c10::Allocator* usual_;
};

}  // namespace support
