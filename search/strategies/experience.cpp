#include "search/strategies/experience.h"

#include <cmath>
#include <string>
#include <utility>

namespace search {

namespace {

bool shrinks_with_the_net(const std::string& metric) {
  return metric == "params" || metric == "macs" || metric == "size" || metric == "latency_ms";
}

double halvings(const Cut& cut) {
  return -std::log2(cut.factor);
}

}  // namespace

Experience::Experience(const std::vector<Objective>& objectives, std::vector<std::optional<Candidate>> outcomes,
                       const std::vector<Cut>& cuts)
    : objectives_(objectives), outcomes_(std::move(outcomes)) {
  for (std::size_t k = 0; k < objectives_.size(); ++k) {
    const double of_base = outcomes_[0]->values[k];
    units_.push_back(objectives_[k].maximize || of_base <= 0 ? 1 : of_base);
    reference_.push_back(objectives_[k].maximize ? 0 : 1);
  }
  for (std::size_t i = 1; i < outcomes_.size(); ++i) {
    const std::optional<Candidate>& parent = outcomes_[cuts[i].parent];
    if (parent && outcomes_[i]) learn(cuts[i], *parent, *outcomes_[i]);
  }
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const std::optional<Candidate> net = i < outcomes_.size() ? outcomes_[i] : expected(cuts[i]);
    if (net && net->violation == 0) points_.push_back(scaled(net->values));
  }
  volume_ = hypervolume(points_, reference_);
}

void Experience::learn(const Cut& cut, const Candidate& parent, const Candidate& child) {
  for (Changes* changes : {&of_criterion_[cut.criterion], &of_all_}) {
    changes->sums.resize(units_.size());
    for (std::size_t k = 0; k < units_.size(); ++k) changes->sums[k] += (child.values[k] - parent.values[k]) / halvings(cut);
    changes->count += 1;
  }
}

Candidate Experience::expected(const Cut& cut) const {
  Candidate net = *outcomes_[cut.parent];
  const auto own = of_criterion_.find(cut.criterion);
  for (std::size_t k = 0; k < units_.size(); ++k) {
    if (shrinks_with_the_net(objectives_[k].metric)) {
      net.values[k] *= cut.factor;
    } else if (of_all_.count > 0) {
      double change = of_all_.sums[k] / of_all_.count;
      if (own != of_criterion_.end()) change = (own->second.sums[k] + change) / (own->second.count + 1);
      net.values[k] += change * halvings(cut);
    }
  }
  return net;
}

double Experience::promise(const Cut& cut) const {
  std::vector<std::vector<double>> points = points_;
  points.push_back(scaled(expected(cut).values));
  return hypervolume(std::move(points), reference_) - volume_;
}

std::vector<double> Experience::scaled(std::vector<double> values) const {
  for (std::size_t k = 0; k < values.size(); ++k) values[k] /= units_[k];
  return values;
}

}  // namespace search
