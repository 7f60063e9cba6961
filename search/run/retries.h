// How often stages that failed are run again, and which of them alone. Used by the run loop.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "storage/records.h"

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

  /// Whether it is to run alone: it ran out of memory, or was lost twice, which is all that is known of what the kernel ends for its
  /// memory.
  bool wants_room(const std::string& fingerprint) const {
    return count(fingerprint, storage::failure::oom) > 0 || count(fingerprint, storage::failure::lost) > 1;
  }

 private:
  int count(const std::string& fingerprint, const std::string& failure_kind) const {
    const auto failures = failures_.find({fingerprint, failure_kind});
    return failures == failures_.end() ? 0 : failures->second;
  }

  const std::map<std::string, int>& allowed_;
  std::map<std::pair<std::string, std::string>, int> failures_;  ///< by fingerprint and failure kind
};

}  // namespace search
