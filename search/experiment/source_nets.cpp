#include "search/experiment/source_nets.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace search {

namespace {

std::string with_width(const NetRequest& net) {
  return fmt::format("{}-w{}", net.name, net.width);
}

}  // namespace

ControlName parse_control(std::string name) {
  const auto take_suffix = [&](std::string_view suffix) {
    const bool is_there = name.ends_with(suffix);
    if (is_there) name.resize(name.size() - suffix.size());
    return is_there;
  };
  ControlName control;
  control.has_equal_flops = take_suffix(flops_suffix);
  control.is_distilled = take_suffix(distilled_suffix);
  control.is_pretrained = take_suffix(pretrained_suffix);
  for (const std::string_view prefix : {narrow_prefix, scratch_prefix})
    if (name.starts_with(prefix)) control.base = name.substr(prefix.size());
  return control;
}

std::string base_name(const Experiment& experiment, const NetRequest& net) {
  const auto same =
      std::count_if(experiment.nets.begin(), experiment.nets.end(), [&](const auto& other) { return other.name == net.name; });
  return same == 1 ? net.name : with_width(net);
}

std::vector<SourceNet> source_nets(const Experiment& experiment) {
  std::vector<SourceNet> sources;
  const auto is_taken = [&](const std::string& name) {
    return std::any_of(sources.begin(), sources.end(), [&](const SourceNet& each) { return each.name == name; });
  };
  for (const NetRequest& net : experiment.nets) sources.push_back({base_name(experiment, net), net, {}, experiment.train});
  for (const Baseline& baseline : experiment.baselines) {
    if (baseline.scratch) continue;
    if (baseline.narrow) {
      for (std::size_t n = 0; n < experiment.nets.size(); ++n)
        if (const std::string name = narrow_prefix + base_name(experiment, experiment.nets[n]); !is_taken(name))
          sources.push_back({name, experiment.nets[n], baseline.narrow, baseline.train, true, baseline.pretrained, static_cast<int>(n)});
    } else {
      const std::string name = is_taken(baseline.net.name) ? with_width(baseline.net) : baseline.net.name;
      if (!is_taken(name)) sources.push_back({name, baseline.net, {}, baseline.train, true});
    }
  }
  return sources;
}

}  // namespace search
