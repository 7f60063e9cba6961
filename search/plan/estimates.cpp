#include "search/plan/estimates.h"

#include <algorithm>

#include "eval/cost.h"
#include "search/experiment/nets.h"

namespace search {

namespace {

/// Multiply-accumulates of a training pass over those of a forward pass: forward, gradient of the activations, gradient of the weights.
constexpr double kTrainingPasses = 3;
/// Batches that a probe of the precision is taken to run, and runs of each batch that a latency is taken to need.
constexpr double kProbeBatches = 30, kLatencyRuns = 50;
/// Runs of the whole net that the times of its layers are taken to need: two rounds of 36 sizes, a third of the net each, 40 times.
constexpr double kTableRuns = 1000;
/// The share of a net that one eta step is taken to leave.
constexpr double kEtaRatio = 0.8;

}  // namespace

double Estimates::macs(const NetRequest& net) const {
  const auto [known, added] = macs_.try_emplace({net.name, net.width});
  if (added) known->second = static_cast<double>(eval::cost(make_net(net, info_)).macs);
  return known->second;
}

double Estimates::training(double epochs, double macs) const {
  return epochs * static_cast<double>(info_.train) * macs * kTrainingPasses;
}

double Estimates::teaching(double epochs, double macs) const {
  return epochs * static_cast<double>(info_.train) * macs;
}

double Estimates::scoring(double macs) const {
  return static_cast<double>(info_.train) * macs * kTrainingPasses;
}

double Estimates::test(double macs) const {
  return static_cast<double>(info_.test) * macs;
}

double Estimates::probe(int batch, double macs) {
  return kProbeBatches * batch * macs * kTrainingPasses;
}

double Estimates::latency_table(int batch, double macs) {
  return kTableRuns * batch * macs;
}

double Estimates::latency(const LatencyOptions& options, double macs) {
  double images = 0;
  for (const int batch : options.batch) images += kLatencyRuns * batch;
  return images * macs;
}

double Estimates::robustness_images(const RobustnessOptions& options) const {
  return std::min<double>(options.images, static_cast<double>(info_.test));
}

double kept_ratio(const prune::PruneRequest& request, double before) {
  switch (request.kind) {
    case prune::PruneRequest::Kind::eta:
      return before * kEtaRatio;
    case prune::PruneRequest::Kind::keep:
      return std::min(before, request.value);
  }
  return before;
}

}  // namespace search
