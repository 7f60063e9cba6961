#include "search/plan/strategies/surrogate.h"

#include <cmath>
#include <string>
#include <utility>

namespace search {

namespace {

double halvings(const Cut& cut) {
  return -std::log2(cut.keep_ratio);
}

}  // namespace

std::vector<Objective> modelled_metrics(const std::vector<Objective>& objectives, const std::vector<Constraint>& constraints) {
  std::vector<Objective> metrics = objectives;
  for (const Constraint& constraint : constraints) metrics.push_back({constraint.metric, /*maximize=*/false});
  return metrics;
}

Surrogate::Surrogate(const std::vector<Objective>& objectives, const std::vector<Constraint>& constraints,
                     std::vector<std::optional<Candidate>> outcomes, const std::vector<Cut>& cuts)
    : objectives_(objectives),
      constraints_(constraints),
      metrics_(modelled_metrics(objectives, constraints)),
      outcomes_(std::move(outcomes)) {
  for (std::size_t i = 1; i < outcomes_.size(); ++i) {
    const std::optional<Candidate>& parent = outcomes_[cuts[i].parent];
    if (parent && outcomes_[i]) learn(cuts[i], *parent, *outcomes_[i]);
  }
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const std::optional<Candidate> net = i < outcomes_.size() ? outcomes_[i] : expected(cuts[i]);
    if (net && net->violation == 0) points_.push_back(objectives_of(*net));
  }
  volume_ = volume(points_);
}

std::vector<double> Surrogate::objectives_of(const Candidate& net) const {
  return {net.values.begin(), net.values.begin() + std::ssize(objectives_)};
}

double Surrogate::volume(std::vector<std::vector<double>> points) const {
  return dominated_volume(objectives_, objectives_of(*outcomes_[0]), std::move(points));
}

void Surrogate::learn(const Cut& cut, const Candidate& parent, const Candidate& child) {
  for (Changes* changes : {&of_criterion_[cut.criterion], &of_all_}) {
    changes->sums.resize(metrics_.size());
    for (std::size_t k = 0; k < metrics_.size(); ++k) changes->sums[k] += (child.values[k] - parent.values[k]) / halvings(cut);
    changes->count += 1;
  }
}

Candidate Surrogate::expected(const Cut& cut) const {
  Candidate net = *outcomes_[cut.parent];
  const auto own = of_criterion_.find(cut.criterion);
  for (std::size_t k = 0; k < metrics_.size(); ++k) {
    if (shrinks_with_the_net(metrics_[k].metric)) {
      net.values[k] *= cut.keep_ratio;
    } else if (of_all_.count > 0) {
      double change = of_all_.sums[k] / of_all_.count;
      if (own != of_criterion_.end()) change = (own->second.sums[k] + change) / (own->second.count + 1);
      net.values[k] += change * halvings(cut);
    }
  }
  net.violation = 0;
  for (std::size_t k = 0; k < constraints_.size(); ++k) net.violation += violation(constraints_[k], net.values[objectives_.size() + k]);
  return net;
}

double Surrogate::expected_improvement(const Cut& cut) const {
  const Candidate net = expected(cut);
  if (net.violation > 0) return 0;
  std::vector<std::vector<double>> points = points_;
  points.push_back(objectives_of(net));
  return volume(std::move(points)) - volume_;
}

}  // namespace search
