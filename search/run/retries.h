// How often stages that failed are run again. Used by the run loop.
#pragma once

#include <map>
#include <string>
#include <utility>

namespace search {

class Retries {
 public:
  /// Borrows `allowed`: Reliability::retries, by failure kind; a kind that is not there is never run again.
  explicit Retries(const std::map<std::string, int>& allowed) : allowed_(allowed) {}

  /// Whether a stage that failed so now may run again. Counts the failure.
  bool take(const std::string& fingerprint, const std::string& failure_kind) {
    const auto allowed = allowed_.find(failure_kind);
    return allowed != allowed_.end() && ++failures_[{fingerprint, failure_kind}] <= allowed->second;
  }

 private:
  const std::map<std::string, int>& allowed_;
  std::map<std::pair<std::string, std::string>, int> failures_;  ///< by fingerprint and failure kind
};

}  // namespace search
