// What a search has spent of its budget: stages, epochs, seconds of its slots, time on the clock. Used by the run loop.
#pragma once

#include <chrono>
#include <vector>

#include "search/plan/strategy.h"

namespace search {

class Spending {
 public:
  using Clock = std::chrono::steady_clock;

  /// The time on the clock counts from `begin`.
  explicit Spending(SearchBudget budget, Clock::time_point begin = Clock::now()) : budget_(budget), begin_(begin) {}

  /// Counts anew what is done of the plan, in earlier runs too.
  void adopt(const Plan& plan, const History& history);

  /// A stage that is done now, after `wall_s` seconds.
  void add(const Stage& stage, double wall_s);

  struct Running {
    const Stage* stage;
    double seconds = 0;  ///< that it has run
  };

  /// Whether nothing more may start: what is done and what runs, as if it ended now, reach one of the budget's limits.
  bool is_spent(const std::vector<Running>& running, Clock::time_point now = Clock::now()) const;

  double epochs() const { return spent_.epochs; }

 private:
  struct Sum {
    int stages = 0;
    double epochs = 0, device_s = 0;
    void add(const Stage& stage, double wall_s);
  };

  SearchBudget budget_;
  Clock::time_point begin_;
  Sum spent_;
};

}  // namespace search
