#include "search/report/html/groups.h"

#include "eval/statistics.h"
#include "search/report/html/columns.h"

namespace search::html {

namespace {

const StoredNet& at(const Snapshot& run, int net) {
  return run.nets[static_cast<std::size_t>(net)];
}

Json step_json(const Group& group, const std::map<Replicate, int>& nets, const Snapshot& run) {
  std::vector<double> val, test, params, macs, params_ratio, macs_ratio;
  Json indices = Json::array();
  for (const auto& [unit, index] : nets) {
    const StoredNet& net = at(run, index);
    indices.push_back(index);
    if (net.val) val.push_back(*net.val);
    if (net.test) test.push_back(*net.test);
    params.push_back(net.params);
    macs.push_back(net.macs);
    const auto base = group.steps.front().find(unit);
    if (base == group.steps.front().end()) continue;
    params_ratio.push_back(net.params / at(run, base->second).params);
    macs_ratio.push_back(net.macs / at(run, base->second).macs);
  }
  const auto size = [](const std::vector<double>& values) { return values.empty() ? Json() : rounded(eval::summarise(values).mean); };
  return {{"nets", indices},
          {"val", summary_of(val)},
          {"test", summary_of(test)},
          {"params", size(params)},
          {"macs", size(macs)},
          {"params_ratio", size(params_ratio)},
          {"macs_ratio", size(macs_ratio)}};
}

}  // namespace

Json summary_of(const std::vector<double>& values) {
  if (values.empty()) return nullptr;
  const eval::Summary of = eval::summarise(values);
  Json summary{{"n", of.n}, {"mean", rounded(of.mean)}};
  if (of.n > 1) summary["sd"] = rounded(of.deviation, 4);
  if (of.interval) {
    summary["low"] = rounded(of.interval->low);
    summary["high"] = rounded(of.interval->high);
  }
  return summary;
}

Json to_json(const std::vector<Group>& groups, const Snapshot& run) {
  Json all = Json::array();
  for (const Group& group : groups) {
    Json steps = Json::array();
    for (const auto& nets : group.steps) steps.push_back(nets.empty() ? Json() : step_json(group, nets, run));
    all.push_back({{"task", group.task},
                   {"net", group.net},
                   {"role", group.role},
                   {"criterion", group.criterion},
                   {"schedule", group.schedule},
                   {"width", rounded(group.width)},
                   {"steps", std::move(steps)}});
  }
  return all;
}

}  // namespace search::html
