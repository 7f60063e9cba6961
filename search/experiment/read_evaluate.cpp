// `evaluate`: what is measured of the nets that are reported, besides their accuracy on test data.
#include <fmt/format.h>

#include <set>
#include <tuple>

#include "eval/attacks/catalog.h"
#include "eval/noise.h"
#include "search/experiment/experiment_reader.h"

namespace search {

using storage::Option;
using storage::OptionKind;

namespace {

LatencyOptions read_latency(YamlReader section) {
  static const Option batch_option{
      .name = "batch", .kind = OptionKind::integer, .doc = "images that are run together", .min = 1, .max = 65536};
  static const Option seconds_option{
      .name = "seconds", .kind = OptionKind::real, .fallback = 1, .doc = "how long each batch is run", .min = 0.01, .max = 3600};
  static const Option runtime_option{
      .name = "runtime",
      .kind = OptionKind::choice,
      .fallback = "torchscript",
      .doc = "torchscript, by LibTorch; onnxruntime: also by ONNX Runtime, on the CPU, as latency_onnxruntime_ms",
      .choices = {"torchscript", "onnxruntime"}};
  LatencyOptions latency;
  std::vector<int> batches;
  for (const YamlReader& item : section.section("batch", "how many images are run together, as in [1, 64]").items())
    if (batches.push_back(item.read(batch_option)); std::count(batches.begin(), batches.end(), batches.back()) > 1)
      item.fail("is given twice; valid: each once");
  if (!batches.empty()) latency.batch = std::move(batches);
  latency.seconds = section.value(seconds_option);
  latency.onnx_runtime = section.value(runtime_option) == "onnxruntime";
  section.finish();
  return latency;
}

/// Adds the perturbations, each once.
class Perturbations {
 public:
  void add(const YamlReader& entry, const std::string& kind, const std::string& name, double level, Json options,
           const std::string& source) {
    if (!taken_.emplace(name, level, source).second)
      entry.fail(fmt::format("asks for {} at {:g} on {} again; valid: each once", name, level, source));
    list_.push_back({kind, name, level, std::move(options), source});
  }

  std::vector<eval::Perturbation> take() { return std::move(list_); }

 private:
  std::set<std::tuple<std::string, double, std::string>> taken_;
  std::vector<eval::Perturbation> list_;
};

void read_noise(const YamlReader& section, Perturbations& perturbations) {
  std::vector<std::string> names;
  for (const eval::NoiseEntry& known : eval::noise_registry()) names.push_back(known.name);
  for (const YamlReader& item : section.items()) {
    YamlReader entry = item.named();
    const std::string name = entry.require("name", "a noise").one_of("a noise", names);
    const eval::NoiseEntry& known = eval::noise_entry(name);
    const Option levels_option{.name = "levels", .kind = OptionKind::reals, .doc = known.doc, .min = known.min, .max = known.max};
    const std::optional<YamlReader> given = entry.find("levels", known.doc);
    const auto levels = given ? given->read(levels_option).get<std::vector<double>>() : known.levels;
    if (levels.empty()) given->fail("has no levels; valid: as in '[" + fmt::format("{}", fmt::join(known.levels, ", ")) + "]'");
    entry.finish();
    for (const double level : levels) perturbations.add(item, "noise", known.name, level, Json::object(), "self");
  }
}

void read_attacks(const YamlReader& section, std::vector<std::string> sources, Perturbations& perturbations) {
  std::vector<std::string> names;
  for (const eval::AttackEntry& known : eval::attack_catalog()) names.push_back(known.name);
  sources.insert(sources.begin(), "self");
  for (const YamlReader& item : section.items()) {
    YamlReader entry = item.named();
    const std::string name = entry.require("name", "an attack").one_of("an attack", names);
    const eval::AttackEntry& known = eval::attack_entry(name);
    const std::optional<YamlReader> source = entry.find("source", "the net that the attack is made on; default: the net itself");
    const Json options = entry.values(known.options);
    entry.finish();
    perturbations.add(item, known.kind, known.name, options.at(known.level), options,
                      source ? source->one_of("a net of this experiment", sources) : "self");
  }
}

RobustnessOptions read_robustness(YamlReader section, const std::vector<std::string>& sources) {
  static const Option images_option{.name = "images",
                                    .kind = OptionKind::integer,
                                    .fallback = 1000,
                                    .doc = "test images, drawn by seed and the same for all nets",
                                    .min = 1,
                                    .max = 1e9};
  Perturbations perturbations;
  read_noise(section.section("noise", "changes that know nothing of the net"), perturbations);
  read_attacks(section.section("attacks", "changes that are sought to mislead the net"), sources, perturbations);
  RobustnessOptions robustness{section.value(images_option), perturbations.take()};
  section.finish();
  if (robustness.perturbations.empty()) section.fail("measures nothing; valid: as in '{noise: [gaussian], attacks: [fgsm]}'");
  return robustness;
}

}  // namespace

Measurements read_evaluate(YamlReader section, const std::vector<std::string>& sources) {
  Measurements measurements;
  if (const std::optional<YamlReader> latency = section.find("latency", "how long the exported net takes"))
    measurements.latency = read_latency(*latency);
  if (const std::optional<YamlReader> robustness = section.find("robustness", "how often it is right on changed test images"))
    measurements.robustness = read_robustness(*robustness, sources);
  section.finish();
  return measurements;
}

}  // namespace search
