// Two options that work each by itself work together, or are refused by the name of one of them: faults hide where two features were never
// tried together.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "search/experiment/yaml/yaml_reference.h"
#include "search/plan/stage_graph.h"
#include "search/plan/strategy.h"
#include "storage/base/error.h"
#include "tests/support/small_experiment.h"

using search::Override;
using storage::Json;
using storage::Option;
using storage::OptionKind;

namespace {

/// A value that is not the default; "" where none can be told.
std::string another_value(const Option& option) {
  switch (option.kind) {
    case OptionKind::boolean:
      return option.fallback == true ? "false" : "true";
    case OptionKind::choice:
      for (auto choice = option.choices.rbegin(); choice != option.choices.rend(); ++choice)
        if (option.fallback != *choice) return *choice;
      return "";
    case OptionKind::names:
      return option.choices.empty() ? "" : fmt::format("[{}]", option.choices.back());
    case OptionKind::integer: {
      const double wish = option.fallback.is_number() ? option.fallback.get<double>() + 1 : std::max(option.min, 2.0);
      return wish <= option.max ? fmt::format("{}", std::llround(wish)) : fmt::format("{}", std::llround(option.max - 1));
    }
    case OptionKind::real: {
      const double now = option.fallback.is_number() ? option.fallback.get<double>() : 0;
      for (const double wish : {now / 2, now + 0.5, option.min, option.max})
        if (wish != now && std::isfinite(wish) && wish >= option.min && wish <= option.max) return fmt::format("{}", wish);
      return "";
    }
    case OptionKind::text:
    case OptionKind::path:
    case OptionKind::reals:
      return "";
  }
  return "";
}

/// "prune.criteria[]" is the first of the list, "data.NAME" the experiment's own.
std::string path_of(const search::KnownKey& key) {
  std::string section = key.section;
  for (std::size_t at = section.find("[]"); at != std::string::npos; at = section.find("[]")) section.replace(at, 2, ".0");
  if (const std::size_t at = section.find("NAME"); at != std::string::npos) section.replace(at, 4, "fashion");
  return section.empty() ? key.key : section + "." + key.key;
}

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('.') + 1);
}

/// "" where the experiment is planned, else why it is refused. Whatever else is thrown ends the test.
std::string refusal(const std::filesystem::path& file, const std::vector<Override>& overrides) {
  try {
    const search::Experiment experiment = search::load_experiment(file, overrides);
    search::StageGraph(search::make_strategy(experiment.strategy)->next(experiment, {}).stages);
    return "";
  } catch (const storage::Error& error) {
    if (error.kind() != storage::ErrorKind::invalid && error.kind() != storage::ErrorKind::usage) throw;
    return error.what();
  }
}

}  // namespace

TEST_CASE("every pair of an experiment's options is planned, or refused by the name of one of them") {
  support::SmallExperiment small;
  small.lines[4] = "nets: [{name: vgg11_bn, width: 0.25, pretrain: {dataset: fashion}}]";
  small.lines[5] = "baselines: [{name: narrow, keep: 0.25, of: macs}]";
  small.lines[6] = "evaluate: {latency: {batch: [1]}, robustness: {noise: [gaussian], attacks: [pgd]}}";
  small.lines[7] = "prune: {criteria: [{name: lda, variant: wilks}], schedules: [{name: s, keep: [0.5, 0.25], of: macs}]}";
  small.lines[8] = "search: {seeds: 2}";
  const std::filesystem::path file = small.write();
  REQUIRE(refusal(file, {}).empty());

  std::vector<Override> wishes;
  for (const search::DocumentedKey& each : search::documented_keys())
    if (each.key.option)
      if (const std::string value = another_value(*each.key.option); !value.empty()) wishes.push_back({path_of(each.key), value});
  for (const char* text :
       {"budget={epochs: 12, dense: 0.5}", "prune.refit=false", "prune.retrain.distill={}", "prune.between={epochs: 1}",
        "baselines.0.pretrain=same", "baselines=[{name: scratch}]", "baselines=[{name: squeezenet1_1}]", "prune.criteria=[l1]",
        "prune.criteria=[magnitude]", "prune.schedules=[{name: s, eta: {from: 0.5, step: 0.5}, steps: 2}]",
        "prune.schedules=[{name: s, keep: [0.5], of: latency}]", "prune.schedules=[{name: s, keep: [0.5], of: channels}]",
        "constraints=[\"latency_estimate_ms <= 3\"]", "constraints=[\"macs <= 1e9\"]", "search={strategy: halving}",
        "data.fashion.classes=[0, 1, 2]"})
    wishes.push_back(search::parse_override(text));

  std::vector<Override> alone;
  for (const Override& wish : wishes)
    if (refusal(file, {wish}).empty()) alone.push_back(wish);
  CHECK(alone.size() >= 180);

  int refused = 0;
  for (std::size_t i = 0; i < alone.size(); ++i)
    for (std::size_t j = i + 1; j < alone.size(); ++j) {
      const Override &a = alone[i], &b = alone[j];
      if (a.path.starts_with(b.path) || b.path.starts_with(a.path)) continue;  // one replaces the other
      INFO(a.path << "=" << a.value << " with " << b.path << "=" << b.value);
      std::string why;
      REQUIRE_NOTHROW(why = refusal(file, {a, b}));
      if (why.empty()) continue;
      ++refused;
      INFO(why);
      CHECK((why.find(last_part(a.path)) != std::string::npos || why.find(last_part(b.path)) != std::string::npos));
    }
  CHECK(refused > 0);
}
