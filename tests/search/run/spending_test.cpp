#include "search/run/spending.h"

#include <catch2/catch.hpp>

#include "search/run/retries.h"
#include "tests/support/fake_run.h"

using namespace std::chrono_literals;
using search::SearchBudget;
using search::Spending;

namespace {

search::Stage trained(const std::string& name, double epochs) {
  search::Stage stage = support::stage(name);
  stage.epochs = epochs;
  return stage;
}

}  // namespace

TEST_CASE("a budget is spent by what is done and by what runs") {
  const auto start = Spending::Clock::now();
  const search::Stage base = trained("base", 8), cut = trained("cut", 2), measured = trained("measured", 0);
  search::Plan plan;
  plan.stages = {base, cut, measured};
  storage::StageStatus done, open;
  done.state = storage::StageState::done;
  done.wall_s = 90;
  const search::History history{{base.fingerprint, done}, {cut.fingerprint, open}, {measured.fingerprint, done}};
  const auto spent = [&](const SearchBudget& budget, bool cut_runs, Spending::Clock::duration later = 0s) {
    Spending spending(budget, start);
    spending.adopt(plan, history);
    std::vector<Spending::Running> running;
    if (cut_runs) running.push_back({&cut, std::chrono::duration<double>(later).count()});
    return spending.is_spent(running, start + later);
  };
  CHECK_FALSE(spent({}, true, 1000h));
  CHECK_FALSE(spent({.stages = 3}, false));
  CHECK(spent({.stages = 3}, true));
  CHECK_FALSE(spent({.epochs = 9}, false));
  CHECK(spent({.epochs = 9}, true));
  CHECK(spent({.epochs = 8}, false));
  CHECK_FALSE(spent({.device_hours = 0.06}, true, 30s));  // 216 s, of which 90 + 90 + 30 are spent
  CHECK(spent({.device_hours = 0.06}, true, 36s));
  CHECK_FALSE(spent({.time_s = 60}, false, 59s));
  CHECK(spent({.time_s = 60}, false, 60s));
}

TEST_CASE("each stage that ends is spent once, and a plan that is taken over again is counted anew") {
  const search::Stage base = trained("base", 8);
  Spending spending({.stages = 2});
  spending.add(base, 1);
  CHECK(spending.epochs() == 8);
  CHECK_FALSE(spending.is_spent({}));
  spending.add(base, 1);
  CHECK(spending.is_spent({}));
  spending.adopt({}, {});
  CHECK(spending.epochs() == 0);
  CHECK_FALSE(spending.is_spent({}));
}

TEST_CASE("a stage is tried again as often as its kind of failure allows") {
  const std::map<std::string, int> allowed{{"oom", 1}, {"crash", 2}};
  search::Retries retries(allowed);
  CHECK(retries.take("a", "crash"));
  CHECK(retries.take("a", "crash"));
  CHECK_FALSE(retries.take("a", "crash"));
  CHECK(retries.take("a", "oom"));
  CHECK_FALSE(retries.take("a", "oom"));
  CHECK(retries.take("b", "crash"));
  CHECK_FALSE(retries.take("b", "invalid"));
}

TEST_CASE("a stage that ran out of memory once, or was lost twice, wants room") {
  const std::map<std::string, int> allowed{{"oom", 1}, {"lost", 2}, {"crash", 2}};
  search::Retries retries(allowed);
  retries.take("a", "oom");
  CHECK(retries.wants_room("a"));
  retries.take("b", "lost");
  CHECK_FALSE(retries.wants_room("b"));
  retries.take("b", "lost");
  CHECK(retries.wants_room("b"));
  retries.take("c", "crash");
  retries.take("c", "crash");
  CHECK_FALSE(retries.wants_room("c"));
}
