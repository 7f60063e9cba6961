#include "search/plan/trial_names.h"

#include <fmt/format.h>

namespace search {

namespace {

std::string suffix(int seed, std::optional<int> fold) {
  return fold ? fmt::format("s{}/f{}", seed, *fold) : fmt::format("s{}", seed);
}

constexpr const char *pareto_prefix = "pareto-", *beam_prefix = "beam-";

}  // namespace

std::string pareto_schedule(std::size_t child) {
  return fmt::format("{}{}", pareto_prefix, child);
}

std::string beam_schedule(int level, std::size_t child) {
  return fmt::format("{}{}-{}", beam_prefix, level, child);
}

bool is_of_one_search(const std::string& schedule) {
  for (const std::string prefix : {pareto_prefix, beam_prefix})
    if (schedule.size() > prefix.size() && schedule.starts_with(prefix))
      return schedule.find_first_not_of("0123456789-", prefix.size()) == std::string::npos;
  return false;
}

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
