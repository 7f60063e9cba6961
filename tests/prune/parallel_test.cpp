#include "prune/parallel.h"

#include <tbb/global_control.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/threads.h"

namespace {

/// Operations that are worth a thread.
constexpr std::int64_t much = 1'000'000;

}  // namespace

TEST_CASE("ranges make up the whole once, whatever their work and the threads, also within ranges") {
  for (const int threads : {1, 2, 5}) {
    const support::Threads scope(threads);
    for (const std::int64_t count : {0, 1, 7, 1000})
      for (const std::int64_t work : {std::int64_t{0}, std::int64_t{1}, std::int64_t{10'000}, much}) {
        INFO(threads << " threads, " << count << " of " << work);
        std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
        prune::for_ranges(count, work, [&](std::int64_t begin, std::int64_t end) {
          prune::for_ranges(end - begin, much, [&](std::int64_t from, std::int64_t to) {
            for (std::int64_t i = begin + from; i < begin + to; ++i) ++seen[static_cast<std::size_t>(i)];
          });
        });
        for (const std::atomic<int>& times : seen) CHECK(times == 1);
      }
  }
}

TEST_CASE("ranges run at the same time, as many as LibTorch's operators have threads") {
  const support::Threads scope(2);
  const tbb::global_control also_on_one_core(tbb::global_control::max_allowed_parallelism, 2);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::atomic<int> begun = 0, met = 0;
  prune::for_ranges(2, much, [&](std::int64_t, std::int64_t) {
    for (++begun; begun < 2 && std::chrono::steady_clock::now() < end;) std::this_thread::yield();
    met += begun == 2;
  });
  CHECK(met == 2);
  int ranges = 0;
  prune::for_ranges(100, 1, [&](std::int64_t, std::int64_t) { ++ranges; });
  CHECK(ranges == 1);  // too little for two
  const support::Threads one(1);
  prune::for_ranges(100, much, [&](std::int64_t, std::int64_t) { ++ranges; });
  CHECK(ranges == 2);
}

TEST_CASE("what a range throws is thrown by the loop, which works again after it") {
  const support::Threads scope(2);
  CHECK_THROWS_AS(prune::for_ranges(100, much, [](std::int64_t, std::int64_t) { throw std::runtime_error("no"); }), std::runtime_error);
  std::atomic<std::int64_t> sum = 0;
  prune::for_ranges(100, much, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
  CHECK(sum == 100);
}
