#include "search/run/placement.h"

#include <catch2/catch.hpp>
#include <deque>
#include <set>

#include "storage/base/error.h"

using search::Placement;

namespace {

/// Stages 0, 1, ... wait in this order; those of `exclusive` need a device alone.
struct Waiting {
  std::deque<int> ready;
  std::set<int> exclusive;

  Placement::Queue queue() {
    return {.take = [this]() -> std::optional<int> {
              if (ready.empty()) return std::nullopt;
              const int first = ready.front();
              ready.pop_front();
              return first;
            },
            .is_exclusive = [this](int stage) { return exclusive.contains(stage); },
            .put_back = [this](int stage) { ready.push_front(stage); }};
  }
};

/// "slot:stage" of all that starts now.
std::string starts(Placement& placement, Waiting& waiting) {
  std::string text;
  while (const auto start = placement.next(waiting.queue()))
    text += (text.empty() ? "" : " ") + std::to_string(start->slot) + ":" + std::to_string(start->stage);
  return text;
}

}  // namespace

TEST_CASE("stages fill the slots in order") {
  Placement placement({{"cpu", 1}, {"cpu", 1}});
  Waiting waiting{{0, 1, 2}, {}};
  CHECK(starts(placement, waiting) == "0:0 1:1");
  CHECK(placement.end(1).stage == 1);
  CHECK(starts(placement, waiting) == "1:2");
  placement.end(0);
  placement.end(1);
  CHECK_FALSE(placement.is_any_busy());
}

TEST_CASE("an exclusive stage takes an idle device, and nothing starts beside it") {
  Placement placement({{"cuda:0", 1}, {"cuda:0", 1}, {"cuda:1", 1}, {"cuda:1", 1}});
  Waiting waiting{{0, 1, 2, 3}, {1}};
  CHECK(starts(placement, waiting) == "0:0 2:1 1:2");  // not behind 0 on its device; and 3 does not go beside 1
  placement.end(2);
  CHECK(starts(placement, waiting) == "2:3");
}

TEST_CASE("an exclusive stage without an idle device is reserved one, and starts when that is empty, whatever else is ready") {
  Placement placement({{"cuda:0", 1}, {"cuda:1", 1}, {"cuda:0", 1}, {"cuda:1", 1}});
  Waiting waiting{{0, 1, 2, 3}, {3}};
  CHECK(starts(placement, waiting) == "0:0 1:1 2:2");  // 3 waits for cuda:1, the device of the slot that was free
  placement.end(0);
  CHECK(starts(placement, waiting).empty());
  placement.end(1);
  CHECK(starts(placement, waiting) == "1:3");
  CHECK(placement.running()[1]->exclusive);
}

TEST_CASE("nothing more starts on a device that is closed, and the last one stays open") {
  Placement placement({{"cuda:0", 1}, {"cuda:0", 1}, {"cuda:1", 1}, {"cuda:2", 1}});
  Waiting waiting{{0, 1, 2, 3, 4, 5, 6}, {4}};
  CHECK(starts(placement, waiting) == "0:0 1:1 2:2 3:3");
  placement.end(0);
  CHECK(placement.close(0));
  CHECK(starts(placement, waiting).empty());
  placement.end(1);
  CHECK(starts(placement, waiting).empty());  // its other slot is closed with it
  placement.end(2);
  CHECK(starts(placement, waiting) == "2:4");  // 4 takes cuda:1 alone
  placement.end(3);
  CHECK(placement.close(3));
  CHECK(placement.close(3));
  CHECK_FALSE(placement.close(2));
  CHECK(starts(placement, waiting).empty());
  placement.end(2);
  CHECK(starts(placement, waiting) == "2:5");
}

TEST_CASE("a second exclusive stage goes back to the queue while the first one waits") {
  Placement placement({{"cuda:0", 1}, {"cuda:0", 1}, {"cuda:1", 1}, {"cuda:1", 1}});
  Waiting waiting{{0, 1, 2, 3}, {2, 3}};
  CHECK(starts(placement, waiting) == "0:0 1:1 2:2");
  waiting.ready = {4, 5, 6};
  waiting.exclusive = {5, 6};
  placement.end(2);
  CHECK(starts(placement, waiting) == "2:4");  // 5 waits for cuda:1, 6 has no slot to be taken for
  CHECK(waiting.ready == std::deque<int>{6});
  CHECK(placement.forget_reserved() == 5);
  CHECK_FALSE(placement.forget_reserved());
}

TEST_CASE("a slot that runs nothing ends nothing") {
  Placement placement({{"cpu", 1}});
  CHECK_THROWS_AS(placement.end(0), storage::Error);
  CHECK_THROWS_AS(Placement({}), storage::Error);
}
