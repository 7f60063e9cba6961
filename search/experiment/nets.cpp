#include "search/experiment/nets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "prune/own_net.h"
#include "storage/base/error.h"
#include "storage/base/file.h"

namespace search {

namespace {

double budgeted(const eval::NetSpec& spec, prune::Budget of) {
  const eval::Cost cost = eval::cost(spec);
  return static_cast<double>(of == prune::Budget::params ? cost.params : cost.macs);
}

}  // namespace

eval::NetSpec describe_net_json(const std::filesystem::path& file) {
  const Json json = Json::parse(storage::read_file(file), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: is no JSON", file.string()));
  try {
    return eval::net_spec_from_json(json);
  } catch (const storage::Error& error) {
    throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: {}", file.string(), error.what()));
  }
}

eval::NetSpec make_net(const NetRequest& request, const eval::DatasetInfo& data) {
  if (request.spec) return prune::fitted(*request.spec, request.width, data.shape, data.classes);
  return eval::make_net(request.name, {.width = request.width,
                                       .classes = data.classes,
                                       .input = data.shape,
                                       .layout = eval::layout_from_string(request.layout),
                                       .dropout = request.dropout});
}

double narrow_width(const NetRequest& base, const eval::DatasetInfo& data, const prune::PruneRequest& request) {
  const double allowed = request.value * budgeted(make_net(base, data), request.of);
  const auto fits = [&](int thousandths) {
    NetRequest narrow = base;
    narrow.width = thousandths / 1000.0;
    return budgeted(make_net(narrow, data), request.of) <= allowed;
  };
  int low = 1, high = static_cast<int>(std::floor(base.width * 1000 + 1e-9));  // the cost never falls as the width grows
  if (high < low || !fits(low))
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("baseline narrow: keep {}: {} cannot be made that small by its width", request.value, base.name));
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (fits(middle))
      low = middle;
    else
      high = middle - 1;
  }
  return low / 1000.0;
}

NetRequest narrowed(NetRequest base, const eval::DatasetInfo& data, const prune::PruneRequest& request) {
  base.width = narrow_width(base, data, request);
  base.weights.reset();
  base.pretrain.reset();
  return base;
}

Pretraining control_pretraining(const Experiment& experiment, int net) {
  Pretraining pretraining = *experiment.nets.at(static_cast<std::size_t>(net)).pretrain;
  std::size_t cuts = 0;
  for (const Schedule& schedule : experiment.schedules)
    if (schedule.at_pretraining) cuts = std::max(cuts, schedule.steps.size());
  if (cuts == 0) return pretraining;
  pretraining.train.epochs += static_cast<int>(cuts) * pretraining.retrain.epochs;
  pretraining.train.distill = pretraining.retrain.distill;
  if (pretraining.train.distill) pretraining.taught_by = net;
  return pretraining;
}

}  // namespace search
