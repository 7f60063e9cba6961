// Hand-made plans and what else a run needs, for the tests of the run loop and of the executors.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "search/run/run.h"

namespace support {

/// A stage whose parameters are {"name": label} and whatever is added; it reads `inputs` under the roles "0", "1", ...
inline search::Stage stage(const std::string& label, const std::vector<search::Stage>& inputs = {}, double cost = 1,
                           search::Json parameters = search::Json::object()) {
  parameters["name"] = label;
  std::vector<storage::StageInput> roles;
  for (const search::Stage& input : inputs) roles.push_back({std::to_string(roles.size()), input.fingerprint});
  return search::make_stage(search::StageKind::train, label, std::move(parameters), std::move(roles), cost);
}

/// A strategy whose plan the test has made.
class FixedStrategy : public search::Strategy {
 public:
  explicit FixedStrategy(std::vector<search::Stage> stages) { plan_.stages = std::move(stages); }
  search::Plan next(const search::Experiment&, const search::History&) const override { return plan_; }

 private:
  search::Plan plan_;
};

/// Remembers what the loop told it.
class RecordingObserver : public search::RunObserver {
 public:
  void planned(const search::Plan&, const std::vector<bool>& done) override { already_done.push_back(done); }
  void lost(const search::Stage& stage) override { lost_stages.insert(stage.label); }
  void progressed(const search::Stage& stage, double, const std::string& message) override {
    if (!message.empty()) messages.push_back(stage.label + ": " + message);
  }
  void noted(const std::string& text) override { notes.push_back(text); }
  void finished(const search::Stage& stage, const storage::StageOutcome& outcome, bool will_retry) override {
    finishes.push_back(stage.label + " " + storage::to_string(outcome.state) + (will_retry ? ", again" : ""));
  }

  std::vector<std::vector<bool>> already_done;
  std::vector<std::string> messages, finishes, notes;
  std::set<std::string> lost_stages;
};

inline storage::StageOutcome done(search::Json values = search::Json::object()) {
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.values = std::move(values);
  return outcome;
}

inline storage::StageOutcome failed(const std::string& kind) {
  storage::StageOutcome outcome;
  outcome.failure_kind = kind;
  outcome.failure = "made to fail as " + kind;
  return outcome;
}

}  // namespace support
