#include "search/cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "search/cli/printable.h"
#include "storage/base/time.h"

namespace search {

namespace {

constexpr int kBarWidth = 24;
constexpr std::chrono::minutes kSilence{1};  ///< longest without a line, where there is no terminal
constexpr std::string_view kGreen = "\x1b[32m", kRed = "\x1b[31m", kYellow = "\x1b[33m", kPlain = "\x1b[0m", kEraseLine = "\r\x1b[K";

int columns(std::FILE* out) {
  winsize size{};
  return ::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string bar(double fraction) {
  const int full = static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * kBarWidth));
  return fmt::format("[{:=<{}}{: <{}}]", "", full, "", kBarWidth - full);
}

class Progress : public RunObserver {
 public:
  Progress(std::FILE* out, bool rewrite, Clock clock) : out_(out), rewrite_(rewrite), clock_(std::move(clock)), begin_(clock_()) {}

  ~Progress() override { erase(); }

  void planned(const Plan& plan, const std::vector<bool>& done) override {
    total_ = static_cast<int>(plan.stages.size());
    lost_.clear();
    ended_ = static_cast<int>(std::count(done.begin(), done.end(), true));
    for (auto& [kind, pace] : paces_) pace.left = 0;
    for (std::size_t i = 0; i < done.size(); ++i)
      if (!done[i]) paces_[plan.stages[i].kind].left += plan.stages[i].cost;
    line(fmt::format("{} trials, {} stages, {} of them done before", plan.trials.size(), total_, ended_));
  }

  void lost(const Stage& stage) override {
    if (lost_.insert(stage.fingerprint).second) leave(stage);
  }

  void progressed(const Stage& stage, double fraction, const std::string& message) override {
    Running& running = running_.try_emplace(stage.fingerprint, Running{name(stage), stage.kind, stage.cost, 0, "", clock_()}).first->second;
    running.fraction = std::clamp(fraction, 0.0, 1.0);
    running.message = cli::printable(message);
    status(message.empty() ? running.name : fmt::format("{} {}", running.name, running.message));
  }

  void noted(const std::string& text) override { line(text); }

  /// Without a terminal a long stage says each minute that it goes on.
  void waiting() override {
    if (rewrite_ || running_.empty() || clock_() - last_line_ < kSilence) return;
    for (const auto& [fingerprint, running] : running_) {
      const double elapsed = storage::in_seconds(clock_() - running.since);
      std::string text = fmt::format("running {}", running.name);
      if (!running.message.empty()) text += fmt::format(": {}", running.message);
      if (running.fraction > 0)
        text += fmt::format(", {:.0f} %, about {} left", 100 * running.fraction,
                            format_duration(elapsed * (1 - running.fraction) / running.fraction));
      line(text);
    }
  }

  void finished(const Stage& stage, const storage::StageOutcome& outcome, bool will_retry) override {
    running_.erase(stage.fingerprint);
    const bool done = outcome.state == storage::StageState::done;
    const bool over = done || outcome.state == storage::StageState::failed;
    if (over && !lost_.contains(stage.fingerprint)) leave(stage);
    Pace& pace = paces_[stage.kind];
    if (done) pace.done += stage.cost;
    pace.seconds += outcome.wall_s;
    const std::string state = will_retry ? outcome.failure_kind + ", runs again" : storage::to_string(outcome.state);
    std::string text = fmt::format("[{:>{}}/{}] {} {}, {}", ended_, std::to_string(total_).size(), total_,
                                   coloured(done   ? kGreen
                                            : over ? kRed
                                                   : kYellow,
                                            state),
                                   name(stage), format_duration(outcome.wall_s));
    text += times(paces_now());
    if (!outcome.failure.empty()) text += fmt::format("\n    {}", cli::printable(outcome.failure.substr(0, outcome.failure.find('\n'))));
    line(text);
  }

 private:
  /// Nothing more is done for it.
  void leave(const Stage& stage) {
    ++ended_;
    paces_[stage.kind].left -= stage.cost;
  }

  struct Running {
    std::string name;
    StageKind kind = StageKind::train;
    double work = 0, fraction = 0;
    std::string message;
    std::chrono::steady_clock::time_point since;
  };

  static std::string name(const Stage& stage) { return to_string(stage.kind) + " " + cli::printable(stage.label); }

  std::string coloured(std::string_view colour, const std::string& text) const {
    return rewrite_ ? fmt::format("{}{}{}", colour, text, kPlain) : text;
  }

  /// Work of this run, and what of it is done in how many seconds of all slots together.
  struct Pace {
    double left = 0, done = 0, seconds = 0;

    void add(const Pace& other) {
      left += other.left;
      done += other.done;
      seconds += other.seconds;
    }
  };

  using Paces = std::map<StageKind, Pace>;

  static Pace sum(const Paces& paces) {
    Pace all;
    for (const auto& [kind, pace] : paces) all.add(pace);
    return all;
  }

  /// By kind of stage, those that run with their fractions.
  Paces paces_now() const {
    Paces paces = paces_;
    for (const auto& [stage, running] : running_) {
      const double done = running.work * running.fraction;
      paces[running.kind].add({-done, done, storage::in_seconds(clock_() - running.since)});
    }
    return paces;
  }

  /// A stage is as fast as those of its kind were; of a kind that is new, as all were.
  std::string times(const Paces& paces) const {
    const double elapsed = storage::in_seconds(clock_() - begin_);
    std::string text = fmt::format(" | {} so far", format_duration(elapsed));
    const Pace all = sum(paces);
    if (all.done <= 0 || all.seconds <= 0) return text;
    double seconds = 0;
    for (const auto& [kind, pace] : paces)
      seconds += std::max(0.0, pace.left) * (pace.done > 0 ? pace.seconds / pace.done : all.seconds / all.done);
    return text + fmt::format(", about {} left", format_duration(elapsed * seconds / all.seconds));
  }

  /// A line that stays.
  void line(const std::string& text) {
    erase();
    cli::tell(out_, text + "\n");
    last_line_ = clock_();
  }

  /// The line that the next one replaces, cut to the terminal.
  void status(const std::string& latest) {
    if (!rewrite_) return;
    const Paces paces = paces_now();
    const Pace all = sum(paces);
    const double work = all.done + all.left;
    const std::string text = fmt::format("{} {}/{}{} | {} running: {}", bar(work > 0 ? all.done / work : 1), ended_, total_, times(paces),
                                         running_.size(), latest);
    cli::tell(out_, std::string(kEraseLine) + text.substr(0, static_cast<std::size_t>(columns(out_) - 1)));
    shown_ = true;
  }

  void erase() {
    if (!std::exchange(shown_, false)) return;
    cli::tell(out_, std::string(kEraseLine));
  }

  std::FILE* out_;
  bool rewrite_;
  Clock clock_;
  std::chrono::steady_clock::time_point begin_;
  int total_ = 0, ended_ = 0;
  Paces paces_;                             ///< of whole stages
  std::map<std::string, Running> running_;  ///< by fingerprint
  std::set<std::string> lost_;              ///< fingerprints of stages that will not run
  std::chrono::steady_clock::time_point last_line_;
  bool shown_ = false;  ///< a status line stands on the terminal
};

}  // namespace

std::unique_ptr<RunObserver> make_progress(std::FILE* out, bool terminal, Clock clock) {
  return std::make_unique<Progress>(out, terminal && !cli::wants_plain_lines(), std::move(clock));
}

std::string format_duration(double seconds) {
  const auto whole = std::llround(std::max(0.0, seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
  return fmt::format("{}:{:02} h", whole / 3600, whole / 60 % 60);
}

}  // namespace search
