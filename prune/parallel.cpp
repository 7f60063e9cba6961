#include "prune/parallel.h"

#include <ATen/Parallel.h>
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <optional>

namespace prune {

namespace {

/// A range of so many operations takes ten times as long as to hand it to another thread.
constexpr std::int64_t least_work = std::int64_t{1} << 17;

thread_local bool is_within = false;

/// Says that a range runs, while it lives.
class Within {
 public:
  Within() { is_within = true; }
  ~Within() { is_within = false; }
  Within(const Within&) = delete;
  Within& operator=(const Within&) = delete;
};

tbb::task_arena& arena_of(int threads) {
  thread_local std::optional<tbb::task_arena> arena;
  if (!arena || arena->max_concurrency() != threads) arena.emplace(threads);
  return *arena;
}

}  // namespace

void for_ranges(std::int64_t count, std::int64_t work, const std::function<void(std::int64_t, std::int64_t)>& body) {
  if (count <= 0) return;
  const std::int64_t grain = 1 + least_work / std::max<std::int64_t>(1, work);
  const int threads = is_within || count <= grain ? 1 : at::get_num_threads();
  if (threads == 1) return body(0, count);
  arena_of(threads).execute([&] {
    tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, count, static_cast<std::size_t>(grain)), [&](const auto& range) {
      const Within within;
      body(range.begin(), range.end());
    });
  });
}

}  // namespace prune
