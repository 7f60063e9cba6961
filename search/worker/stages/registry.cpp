#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "eval/device.h"
#include "eval/formats/safetensors.h"
#include "eval/nets/registry.h"
#include "eval/precision.h"
#include "prune/own_net.h"
#include "search/worker/stages/stages.h"
#include "storage/artifacts.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/time.h"

namespace search {

namespace {

/// Nets that a warm worker keeps: a parent is usually cut by several criteria in a row.
constexpr std::size_t kNetsKept = 8;

storage::StageOutcome run_kind(StageKind kind, const StageContext& context) {
  switch (kind) {
    case StageKind::probe:
      return run_probe(context);
    case StageKind::latency_table:
      return run_latency_table(context);
    case StageKind::train:
      return run_train(context);
    case StageKind::candidates:
      return run_candidates(context);
    case StageKind::prune:
      return run_prune(context);
    case StageKind::extend:
      return run_extend(context);
    case StageKind::transfer:
      return run_transfer(context);
    case StageKind::scratch:
      return run_scratch(context);
    case StageKind::evaluate:
      return run_evaluate(context);
    case StageKind::latency:
      return run_latency(context);
    case StageKind::robustness:
      return run_robustness(context);
  }
  throw storage::Error(storage::ErrorKind::internal, "unknown stage kind");
}

storage::StageOutcome failed(const std::string& kind, const std::string& message) {
  storage::StageOutcome outcome;
  outcome.failure_kind = kind;
  outcome.failure = message;
  return outcome;
}

std::string failure_kind(storage::ErrorKind kind) {
  switch (kind) {
    case storage::ErrorKind::internal:
      return storage::failure::internal;
    case storage::ErrorKind::usage:
    case storage::ErrorKind::invalid:
      return storage::failure::invalid;
    case storage::ErrorKind::storage:
      return storage::failure::storage;
    case storage::ErrorKind::environment:
      return storage::failure::environment;
  }
  return storage::failure::internal;
}

/// Where data lie, or their format where that is all there is.
std::string place_of(const Json& settings) {
  std::string place = settings.at("format");
  for (const storage::Option& option : eval::dataset_entry(settings.at("format")).options)
    if (option.kind == storage::OptionKind::path && settings.contains(option.name)) place = settings.at(option.name);
  return place;
}

}  // namespace

void check_unchanged(const std::string& what, const Json& identity, const Json& planned) {
  if (identity != planned)
    throw storage::Error(
        storage::ErrorKind::invalid,
        fmt::format("{}: the files have changed since the run began; valid: as they were, or a new run with -o DIR", what));
}

TaskData open_task_data(const Json& settings, const std::string& target) {
  TaskData data{eval::open_dataset(settings, target), {}};
  data.normalisation = eval::normalisation_of(settings, *data.dataset);
  return data;
}

const TaskData& WarmCache::data(const Json& data) {
  const std::string key = data.dump();
  const auto known = data_.find(key);
  if (known != data_.end()) return known->second;
  TaskData opened = open_task_data(data.at("settings"), data.at("target"));
  check_unchanged("data " + place_of(data.at("settings")), eval::dataset_identity(data.at("settings")), data.at("identity"));
  return data_.emplace(key, std::move(opened)).first->second;
}

eval::Weights WarmCache::weights(const storage::ArtifactStore& artifacts, const std::string& hash) {
  const auto found = std::find_if(nets_.begin(), nets_.end(), [&](const auto& net) { return net.first == hash; });
  if (found != nets_.end())
    nets_.splice(nets_.begin(), nets_, found);
  else
    nets_.emplace_front(hash, eval::read_safetensors(artifacts.path(hash)).tensors);
  if (nets_.size() > kNetsKept) nets_.pop_back();
  return eval::clone(nets_.front().second);
}

std::filesystem::path StageContext::checkpoint() const {
  const std::filesystem::path path = storage::checkpoint_path(directory, fingerprint);
  storage::make_directory(path.parent_path());
  return path;
}

eval::Net StageContext::input_net(const std::string& role) const {
  const Json& input = inputs.at(role);
  return {eval::net_spec_from_json(input.at("architecture").at("spec")),
          cache.weights(artifacts(), input.at("artifacts").at("weights").get<std::string>()), device};
}

std::optional<eval::LatencyTable> StageContext::latency_table() const {
  if (!inputs.contains("table")) return {};
  return eval::latency_table_from_json(inputs.at("table").at("values").at("table"));
}

eval::NetSpec requested_net(const Json& net, const eval::Dataset& data) {
  return requested_net(net, data.shape(), static_cast<int>(data.class_names().size()));
}

eval::NetSpec requested_net(const Json& net, const eval::Shape& input, int classes) {
  if (net.contains("spec")) return prune::fitted(eval::net_spec_from_json(net.at("spec")), net.at("width").get<double>(), input, classes);
  eval::NetOptions options = eval::net_options_from_json(net);
  options.classes = classes;
  options.input = input;
  return eval::make_net(net.at("name").get<std::string>(), options);
}

storage::StageOutcome run_stage(StageKind kind, const StageContext& context) {
  const auto start = std::chrono::steady_clock::now();
  storage::StageOutcome outcome;
  try {
    const eval::PeakMemory peak(context.device);
    check_parameters(kind, context.parameters);
    outcome = run_kind(kind, context);
    if (const std::int64_t bytes = peak.bytes(); bytes > 0)
      outcome.metrics.push_back({"stage", "peak_memory_bytes", static_cast<double>(bytes), {}});
  } catch (const storage::Error& error) {
    outcome = failed(failure_kind(error.kind()), error.what());
  } catch (const std::exception& error) {
    const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
    outcome = failed(eval::is_out_of_memory(error) ? storage::failure::oom : storage::failure::internal,
                     torch_error ? torch_error->what_without_backtrace() : error.what());
  }
  try {
    eval::release_memory(context.device);  // also where there was too little: the stage runs again, perhaps beside this process
  } catch (const std::exception&) {        // of a device that failed: what the stage says of it is told
  }
  outcome.wall_s = storage::seconds_since(start);
  return outcome;
}

}  // namespace search
