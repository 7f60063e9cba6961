// Loops of own kernels on several threads.
#pragma once

#include <cstdint>
#include <functional>

namespace prune {

/// body(begin, end) for ranges that make up 0 ... count, by as many threads as LibTorch's operators use. `work`: operations of one turn, of
/// which a range has enough to be worth a thread; a range within a range runs as it is. at::parallel_for is one thread in a program that is
/// not built with LibTorch's own OpenMP, which no package promises. What `body` throws is thrown here.
void for_ranges(std::int64_t count, std::int64_t work, const std::function<void(std::int64_t begin, std::int64_t end)>& body);

}  // namespace prune
