#include "search/plan/trial_names.h"

#include <fmt/format.h>

namespace search {

namespace {

std::string suffix(int seed, std::optional<int> fold) {
  return fold ? fmt::format("s{}/f{}", seed, *fold) : fmt::format("s{}", seed);
}

}  // namespace

std::string TrialNames::trial(const std::string& net, int seed) const {
  return fmt::format("{}/{}/{}", task_, net, suffix(seed, fold_));
}

std::string TrialNames::trial(const std::string& net, const std::string& criterion, const std::string& schedule, int seed) const {
  return fmt::format("{}/{}/{}/{}/{}", task_, net, criterion, schedule, suffix(seed, fold_));
}

std::string TrialNames::shown(const std::string& label) const {
  return (is_only_task_ ? "" : task_ + " ") + label + (fold_ ? fmt::format(" fold {}", *fold_) : "");
}

std::string trained_label(const std::string& name, int seed) {
  return fmt::format("{} seed {}", name, seed);
}

std::string baseline_name(const NamedNet& net) {
  return net.request.width == 1 ? net.label : fmt::format("{}-w{}", net.label, net.request.width);
}

}  // namespace search
