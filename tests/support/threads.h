// How many threads LibTorch's operators have in a test.
#pragma once

#include <ATen/Parallel.h>

namespace support {

/// They have so many while it lives.
class Threads {
 public:
  explicit Threads(int threads) : before_(at::get_num_threads()) { at::set_num_threads(threads); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

}  // namespace support
