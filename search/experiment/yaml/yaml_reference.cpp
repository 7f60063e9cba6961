#include "search/experiment/yaml/yaml_reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "eval/attacks/catalog.h"
#include "eval/data/dataset.h"
#include "eval/noise.h"
#include "prune/criteria/catalog.h"
#include "search/experiment/experiment_reader.h"
#include "search/experiment/strategy_catalog.h"
#include "storage/base/option_text.h"

namespace search {

namespace {

/// An experiment that makes the reader ask for the keys of one member of a family, such as one criterion.
struct Variant {
  std::string section;  ///< whose keys depend on the member; "": of none
  std::string label;
  std::string yaml;
};

/// The members of the families that an experiment uses.
struct Members {
  const eval::DatasetEntry* dataset = &eval::dataset_registry().front();
  std::string criterion = "l1", schedule = "keep: [0.5]", baseline = "name: vgg11_bn", strategy = "sweep", noise = "gaussian",
              attack = "fgsm";
  std::string resources = "executor: ssh, hosts: [{name: x}]";
};

std::string dataset_yaml(const eval::DatasetEntry& entry) {
  std::string settings = "format: " + entry.format;
  for (const storage::Option& option : entry.options)
    if (option.fallback.is_null() && !option.optional) settings += fmt::format(", {}: x", option.name);
  return settings;
}

/// A whole experiment.
std::string experiment_yaml(const Members& use) {
  const std::string target = use.dataset->targets.empty() ? "" : ", target: " + use.dataset->targets.front();
  const bool takes_schedules = strategy_info(use.strategy).takes_schedules;
  return fmt::format(
      "schema: 1\nname: x\ndata: {{NAME: {{{}}}}}\ntasks: [{{name: t, dataset: NAME{}}}]\n"
      "nets: [{{name: vgg16_bn, pretrain: {{dataset: NAME{}}}}}]\nbaselines: [{{{}}}]\n"
      "prune: {{criteria: [{}], retrain: {{distill: {{}}}}, refit: {{}}{}}}\nsearch: {{strategy: {}}}\nobjectives: [{{metric: macs}}]\n"
      "evaluate: {{latency: {{}}, robustness: {{noise: [{}], attacks: [{}]}}}}\n"
      "resources: {{{}}}\nbudget: {{epochs: 8}}\n",
      dataset_yaml(*use.dataset), target, target, use.baseline, use.criterion,
      takes_schedules ? fmt::format(", schedules: [{{name: s, {}}}]", use.schedule) : "", use.strategy, use.noise, use.attack,
      use.resources);
}

std::vector<Variant> variants() {
  std::vector<Variant> all{{"", "", experiment_yaml({})}};
  const auto add = [&](const std::string& section, const std::string& label, const Members& use) {
    all.push_back({section, label, experiment_yaml(use)});
  };
  for (const eval::DatasetEntry& each : eval::dataset_registry()) add("data.NAME", "format: " + each.format, {.dataset = &each});
  add("resources", "executor: ssh", {});
  add("resources", "executor: slurm", {.resources = "executor: slurm, slurm: {}"});
  add("baselines[]", "a net", {});
  add("baselines[]", "name: narrow", {.baseline = "name: narrow, keep: 0.1"});
  add("baselines[]", "name: scratch", {.baseline = "name: scratch"});
  for (const prune::CriterionEntry& each : prune::criterion_catalog())
    add("prune.criteria[]", "name: " + each.name, {.criterion = each.name});
  add("prune.schedules[]", "keep", {});
  add("prune.schedules[]", "eta: [...]", {.schedule = "eta: [1]"});
  add("prune.schedules[]", "eta: {from, step}", {.schedule = "eta: {from: 1, step: 1}, steps: 1"});
  for (const std::string& each : strategy_names()) add("search", "strategy: " + each, {.strategy = each});
  for (const eval::NoiseEntry& each : eval::noise_registry())
    add("evaluate.robustness.noise[]", "name: " + each.name, {.noise = each.name});
  for (const eval::AttackEntry& each : eval::attack_catalog())
    add("evaluate.robustness.attacks[]", "name: " + each.name, {.attack = each.name});
  return all;
}

/// What the reader asks for, each key of a section once.
KeyLog asked_keys(const std::string& yaml) {
  const YamlNode tree = parse_yaml(yaml, "reference");
  KeyLog log, once;
  YamlReader root(tree, "", "/", &log);
  Experiment experiment;
  read_experiment(
      root, experiment, [](const auto&, const auto&, auto&) {}, describe_net_json);
  for (KnownKey& key : log) {
    const auto same =
        std::find_if(once.begin(), once.end(), [&](const KnownKey& other) { return other.section == key.section && other.key == key.key; });
    if (same == once.end())
      once.push_back(std::move(key));
    else if (key.option || same->doc.empty())
      *same = std::move(key);
  }
  return once;
}

bool same_key(const KnownKey& one, const KnownKey& other) {
  const auto option = [](const KnownKey& key) { return key.option ? key.option->fallback.dump() + valid_values(*key.option) : ""; };
  return one.section == other.section && one.key == other.key && one.doc == other.doc && option(one) == option(other);
}

std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

std::string default_of(const KnownKey& key) {
  if (key.required) return "must be given";
  if (!key.option || key.option->fallback.is_null()) return "";
  const storage::Json& value = key.option->fallback;
  return fmt::format("`{}`", value.is_string() ? value.get<std::string>() : value.dump());
}

std::string row(const DocumentedKey& each) {
  const std::string with = each.only_with.empty() ? "" : fmt::format(" (with `{}`)", fmt::join(each.only_with, "`, `"));
  return fmt::format("| `{}` | {} | {} | {}{} |\n", each.key.key, each.key.option ? cell(valid_values(*each.key.option)) : "",
                     default_of(each.key), cell(each.key.doc), with);
}

constexpr const char* opening =
    "# The experiment file, key by key\n\n"
    "Written by `nas-run reference` from the tables and calls by which nas-run reads the file; a test fails where they differ.\n\n"
    "Relative paths start at the file. `${NAME}` and `${NAME:-default}` in a value take an environment variable. `-s key.path=value` on "
    "the "
    "command line replaces a value (`-s train.epochs=3`, `-s nets.0.width=0.5`). A key that is not listed here is an error with its line, "
    "its "
    "column and the nearest key that is valid; keys of the file itself that begin with `x-` are passed over, as homes of anchors, and `<<: "
    "*anchor` (or a list of them) takes a mapping over. An entry of a list that needs only its `name` may be that name alone (`nets: "
    "[vgg16_bn]`).\n";

/// The training whose values one of this section has where it gives none itself.
std::string inherited_from(const std::string& section) {
  return section.starts_with("nets[].pretrain.retrain") ? "nets[].pretrain.train" : "train";
}

}  // namespace

std::vector<DocumentedKey> documented_keys() {
  std::vector<DocumentedKey> keys;
  std::map<std::string, std::size_t> members;  // of each family, by section
  for (const Variant& variant : variants()) {
    if (!variant.section.empty()) ++members[variant.section];
    for (KnownKey& key : asked_keys(variant.yaml)) {
      const bool depends = !variant.section.empty() && key.section == variant.section;
      auto known = std::find_if(keys.begin(), keys.end(), [&](const DocumentedKey& each) { return same_key(each.key, key); });
      if (known == keys.end()) {
        const auto behind =
            std::find_if(keys.rbegin(), keys.rend(), [&](const DocumentedKey& each) { return each.key.section == key.section; });
        known = keys.insert(behind == keys.rend() ? keys.end() : behind.base(), {std::move(key), {}});
      }
      if (depends) known->only_with.push_back(variant.label);
    }
  }
  for (DocumentedKey& each : keys)
    if (members.contains(each.key.section) && each.only_with.size() == members.at(each.key.section)) each.only_with.clear();
  return keys;
}

std::string yaml_reference() {
  const std::vector<DocumentedKey> keys = documented_keys();
  std::string text = opening;
  for (std::size_t begin = 0, end = 0; begin < keys.size(); begin = end) {
    const std::string& section = keys[begin].key.section;
    std::string rows;
    bool inherits = false;
    for (end = begin; end < keys.size() && keys[end].key.section == section; ++end) {
      inherits = inherits || keys[end].key.inherited;
      if (!keys[end].key.inherited) rows += row(keys[end]);
    }
    text += section.empty() ? "\n## The file\n\n" : fmt::format("\n## `{}`\n\n", section);
    if (inherits)
      text += fmt::format("The keys of `{}{}`; one that is not given has the value from there.\n{}", inherited_from(section),
                          section.ends_with(".optimizer") ? ".optimizer" : "", rows.empty() ? "" : "Besides these:\n\n");
    if (!rows.empty()) text += "| key | valid | default | |\n|---|---|---|---|\n" + rows;
  }
  return text;
}

}  // namespace search
