#include "search/plan/strategies/surrogate.h"

#include <cmath>
#include <string>
#include <utility>

namespace search {

namespace {

bool shrinks_with_the_net(const std::string& metric) {
  return metric == "params" || metric == "macs" || metric == "size" || is_latency(metric);
}

double halvings(const Cut& cut) {
  return -std::log2(cut.keep_ratio);
}

}  // namespace

Surrogate::Surrogate(const std::vector<Objective>& objectives, std::vector<std::optional<Candidate>> outcomes, const std::vector<Cut>& cuts)
    : objectives_(objectives), outcomes_(std::move(outcomes)) {
  for (std::size_t i = 1; i < outcomes_.size(); ++i) {
    const std::optional<Candidate>& parent = outcomes_[cuts[i].parent];
    if (parent && outcomes_[i]) learn(cuts[i], *parent, *outcomes_[i]);
  }
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const std::optional<Candidate> net = i < outcomes_.size() ? outcomes_[i] : expected(cuts[i]);
    if (net && net->violation == 0) points_.push_back(net->values);
  }
  volume_ = dominated_volume(objectives_, outcomes_[0]->values, points_);
}

void Surrogate::learn(const Cut& cut, const Candidate& parent, const Candidate& child) {
  for (Changes* changes : {&of_criterion_[cut.criterion], &of_all_}) {
    changes->sums.resize(objectives_.size());
    for (std::size_t k = 0; k < objectives_.size(); ++k) changes->sums[k] += (child.values[k] - parent.values[k]) / halvings(cut);
    changes->count += 1;
  }
}

Candidate Surrogate::expected(const Cut& cut) const {
  Candidate net = *outcomes_[cut.parent];
  const auto own = of_criterion_.find(cut.criterion);
  for (std::size_t k = 0; k < objectives_.size(); ++k) {
    if (shrinks_with_the_net(objectives_[k].metric)) {
      net.values[k] *= cut.keep_ratio;
    } else if (of_all_.count > 0) {
      double change = of_all_.sums[k] / of_all_.count;
      if (own != of_criterion_.end()) change = (own->second.sums[k] + change) / (own->second.count + 1);
      net.values[k] += change * halvings(cut);
    }
  }
  return net;
}

double Surrogate::expected_improvement(const Cut& cut) const {
  std::vector<std::vector<double>> points = points_;
  points.push_back(expected(cut).values);
  return dominated_volume(objectives_, outcomes_[0]->values, std::move(points)) - volume_;
}

}  // namespace search
