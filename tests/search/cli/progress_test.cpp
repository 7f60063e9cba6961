#include "search/cli/progress.h"

#include "search/cli/printable.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "tests/support/fake_run.h"

using support::done;
using support::stage;

namespace {

/// A file in memory, and a clock that the test sets.
struct ProgressFixture {
  char* bytes = nullptr;
  std::size_t length = 0;
  std::FILE* out = ::open_memstream(&bytes, &length);
  std::chrono::seconds now{0};

  ProgressFixture() { ::unsetenv("NO_COLOR"); }
  ~ProgressFixture() {
    std::fclose(out);
    std::free(bytes);
  }
  std::unique_ptr<search::RunObserver> progress(bool terminal) {
    return search::make_progress(out, terminal, [this] { return std::chrono::steady_clock::time_point(now); });
  }
  std::string text() {
    std::fflush(out);
    return {bytes, length};
  }
};

storage::StageOutcome after(double seconds, storage::StageOutcome outcome) {
  outcome.wall_s = seconds;
  return outcome;
}

}  // namespace

TEST_CASE_METHOD(ProgressFixture, "progress in plain lines, with the time left by the work done") {
  const auto a = stage("a", {}, 10), b = stage("b", {}, 30), c = stage("c", {}, 60), before = stage("before", {}, 1000);
  search::Plan plan;
  plan.stages = {before, a, b, c};
  plan.trials.resize(2);
  const auto watch = progress(false);
  watch->planned(plan, {true, false, false, false});
  watch->progressed(a, 0, "");
  now = std::chrono::seconds{20};
  watch->finished(a, after(20, done()), false);  // 10 of 100 in 20 s: 180 s for the rest
  watch->progressed(b, 0, "");
  watch->progressed(b, 0.5, "epoch 1/2");
  now = std::chrono::seconds{30};
  storage::StageOutcome crash = support::failed("crash");
  crash.state = storage::StageState::interrupted;
  watch->finished(b, after(10, crash), true);  // still 10 done, 90 left, in 30 s: 270 s
  now = std::chrono::seconds{40};
  watch->finished(b, after(10, support::failed("diverged")), false);  // 10 done in 40 s, 60 left: 240 s
  CHECK(text() ==
        "2 trials, 4 stages, 1 of them done before\n"
        "[2/4] done train a, 20 s | 20 s so far, about 3:00 min left\n"
        "[2/4] crash, runs again train b, 10 s | 30 s so far, about 4:30 min left\n"
        "    made to fail as crash\n"
        "[3/4] failed train b, 10 s | 40 s so far, about 4:00 min left\n"
        "    made to fail as diverged\n");
}

TEST_CASE_METHOD(ProgressFixture, "what a failure blocks takes no time any more") {
  const auto a = stage("a", {}, 10), b = stage("b", {}, 10), later = stage("later", {b}, 60), c = stage("c", {}, 20);
  search::Plan plan;
  plan.stages = {a, b, later, c};
  const auto watch = progress(false);
  watch->planned(plan, {false, false, false, false});
  now = std::chrono::seconds{20};
  watch->finished(a, after(20, done()), false);
  for (int again = 0; again < 2; ++again) {
    watch->lost(b);
    watch->lost(later);
  }
  now = std::chrono::seconds{40};
  watch->finished(b, after(20, support::failed("crash")), false);  // 10 done in 40 s, 20 left
  CHECK_THAT(text(), Catch::Contains("[3/4] failed train b, 20 s | 40 s so far, about 1:20 min left"));
}

TEST_CASE_METHOD(ProgressFixture, "the time left goes by how fast stages of a kind were, and by how many run at a time") {
  auto a = stage("a", {}, 100), b = stage("b", {}, 100), cut = stage("cut", {}, 10), other = stage("other", {}, 10);
  cut.kind = other.kind = search::StageKind::prune;
  search::Plan plan;
  plan.stages = {a, b, cut, other};
  const auto watch = progress(false);
  watch->planned(plan, {false, false, false, false});
  now = std::chrono::seconds{20};
  watch->finished(a, after(20, done()), false);  // 100 of 220 in 20 s: 24 s for the rest
  CHECK_THAT(text(), Catch::Contains("20 s so far, about 24 s left"));
  now = std::chrono::seconds{30};  // beside b, of which half is done
  watch->progressed(b, 0, "");
  now = std::chrono::seconds{40};
  watch->progressed(b, 0.5, "");
  watch->finished(cut, after(30, done()), false);  // 30 s for 10; a and half of b 30 s for 150: 10 + 30 s are left, at 60 s of work in 40 s
  CHECK_THAT(text(), Catch::EndsWith("40 s so far, about 27 s left\n"));
}

TEST_CASE_METHOD(ProgressFixture, "a terminal has a status line that is replaced") {
  const auto a = stage("a", {}, 10);
  search::Plan plan;
  plan.stages = {a};
  {
    const auto watch = progress(true);
    watch->planned(plan, {false});
    watch->progressed(a, 0, "");
    now = std::chrono::seconds{5};
    watch->progressed(a, 0.5, "epoch 1/2");
    CHECK_THAT(text(), Catch::Contains("\r\x1b[K[============            ] 0/1 | 5 s so far, about 5 s left | 1 running: tr"));
    watch->finished(a, after(5, done()), false);
  }
  CHECK_THAT(text(), Catch::EndsWith("\r\x1b[K[1/1] \x1b[32mdone\x1b[0m train a, 5 s | 5 s so far, about 0 s left\n"));
}

TEST_CASE_METHOD(ProgressFixture, "without a terminal a long stage says each minute how far it is") {
  const auto a = stage("a", {}, 10);
  search::Plan plan;
  plan.stages = {a};
  const auto watch = progress(false);
  watch->planned(plan, {false});
  watch->progressed(a, 0, "");
  watch->waiting();
  now = std::chrono::seconds{59};
  watch->waiting();
  CHECK(text() == "0 trials, 1 stages, 0 of them done before\n");
  now = std::chrono::seconds{60};
  watch->waiting();  // it has said nothing yet
  watch->progressed(a, 0.25, "epoch 2/8, loss 0.410");
  now = std::chrono::seconds{120};
  watch->waiting();
  watch->waiting();
  CHECK(text() ==
        "0 trials, 1 stages, 0 of them done before\n"
        "running train a\n"
        "running train a: epoch 2/8, loss 0.410, 25 %, about 6:00 min left\n");
}

TEST_CASE_METHOD(ProgressFixture, "NO_COLOR gives plain lines on a terminal too") {
  ::setenv("NO_COLOR", "1", 1);
  const auto a = stage("a");
  search::Plan plan;
  plan.stages = {a};
  const auto watch = progress(true);
  ::unsetenv("NO_COLOR");
  watch->planned(plan, {false});
  watch->progressed(a, 0, "");
  watch->finished(a, after(1, done()), false);
  CHECK(text().find('\x1b') == std::string::npos);
  CHECK(text().find('\r') == std::string::npos);
}

TEST_CASE("durations") {
  CHECK(search::format_duration(0) == "0 s");
  CHECK(search::format_duration(59.4) == "59 s");
  CHECK(search::format_duration(59.6) == "1:00 min");
  CHECK(search::format_duration(125) == "2:05 min");
  CHECK(search::format_duration(3 * 3600 + 2 * 60 + 59) == "3:02 h");
}

TEST_CASE("a text from outside moves no cursor and sets no colour") {
  CHECK(search::cli::printable("a\x1b[31mb\r\nc\td\x7f") == "a\\x1b[31mb\\x0d\nc\td\\x7f");
  CHECK(search::cli::printable("M\xc3\xbcller 4 % \xc2\xb1 2") == "M\xc3\xbcller 4 % \xc2\xb1 2");
}
