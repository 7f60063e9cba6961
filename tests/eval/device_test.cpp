#include "eval/device.h"

#include <malloc.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <memory>
#include <vector>

namespace {

std::int64_t resident_bytes() {
  std::int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace

#ifndef __SANITIZE_ADDRESS__  // which has a heap of its own
TEST_CASE("memory that is kept for later goes back to the system") {
  constexpr std::int64_t block = 1 << 16, blocks = 4000;
  mallopt(M_TRIM_THRESHOLD, 2047 << 20);  // as eval::prepare_process says, which only one call in a process may
  {
    std::vector<std::unique_ptr<char[]>> held;
    for (std::int64_t i = 0; i < blocks; ++i) held.push_back(std::make_unique<char[]>(block));
  }
  const std::int64_t kept = resident_bytes();
  eval::release_memory(torch::kCPU);
  CHECK(resident_bytes() < kept - block * blocks / 2);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);  // glibc's own
}
#endif
