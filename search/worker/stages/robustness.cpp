#include "eval/robustness.h"

#include <fmt/format.h>

#include <cmath>

#include "search/worker/stages/stages.h"

namespace search {

namespace {

std::vector<eval::Perturbation> perturbations_of(const Json& parameters) {
  std::vector<eval::Perturbation> perturbations;
  for (const Json& each : parameters.at("perturbations"))
    perturbations.push_back({each.at("kind"), each.at("name"), each.at("level"), each.at("options"), each.at("source")});
  return perturbations;
}

/// The nets that attacks are made on besides the stage's own.
std::map<std::string, eval::Net> source_nets_of(const StageContext& context, const std::vector<eval::Perturbation>& perturbations) {
  std::map<std::string, eval::Net> nets;
  for (const eval::Perturbation& each : perturbations)
    if (each.source != "self" && !nets.contains(each.source)) nets.emplace(each.source, context.input_net(source_role(each.source)));
  return nets;
}

/// "robustness/fgsm/0.0157", with the net that an attack was made on where that is another: "robustness/fgsm@resnet18/0.0157".
std::string metric_name(const eval::Perturbation& perturbation) {
  const std::string source = perturbation.source == "self" ? "" : "@" + perturbation.source;
  return fmt::format("robustness/{}{}/{:g}", perturbation.name, source, perturbation.level);
}

Json to_json(const eval::PerturbationResult& result) {
  Json options = result.perturbation.options;
  options["clip"] = {0, 1};
  return {{"kind", result.perturbation.kind},
          {"name", result.perturbation.name},
          {"level", result.perturbation.level},
          {"source", result.perturbation.source},
          {"images", result.images},
          {"clean_accuracy", result.clean_accuracy},
          {"accuracy", result.accuracy},
          {"success", std::isnan(result.success) ? Json() : Json(result.success)},
          {"options", std::move(options)},
          {"images_hash", result.images_hash}};
}

}  // namespace

storage::StageOutcome run_robustness(const StageContext& context) {
  const TaskData& data = context.cache.data(context.parameters.at("data"));
  const auto seed = context.seed();
  const std::vector<eval::Perturbation> perturbations = perturbations_of(context.parameters);
  const eval::Net net = context.input_net("net");
  const std::map<std::string, eval::Net> nets = source_nets_of(context, perturbations);
  std::map<std::string, const eval::Net*> sources;
  for (const auto& [name, source] : nets) sources[name] = &source;
  const auto results =
      eval::measure_robustness(net, sources, *data.dataset, data.normalisation,
                               eval::robustness_images(*data.dataset, context.parameters.at("images").get<std::int64_t>(), seed),
                               perturbations, seed, [&](double fraction) { context.progress(fraction, "changing test images"); });

  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  Json& rows = outcome.values["perturbations"] = Json::array();
  for (const eval::PerturbationResult& result : results) {
    rows.push_back(to_json(result));
    const std::string name = metric_name(result.perturbation);
    outcome.metrics.push_back({"test", name + "/accuracy", result.accuracy, {}});
    outcome.metrics.push_back({"test", name + "/success", result.success, {}});
  }
  return outcome;
}

}  // namespace search
