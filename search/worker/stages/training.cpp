#include "search/worker/stages/training.h"

#include <fmt/format.h>

#include <algorithm>

#include "eval/cost.h"
#include "eval/formats/safetensors.h"
#include "eval/gradient_check.h"
#include "prune/train.h"
#include "storage/artifacts.h"
#include "storage/base/file.h"
#include "storage/base/fingerprint.h"

namespace search {

storage::ArchitectureRecord architecture_of(const eval::NetSpec& spec, std::string parent, Json kept) {
  const eval::Cost cost = eval::cost(spec);
  const Json json = eval::to_json(spec);
  return {storage::fingerprint(json), json, std::move(parent), std::move(kept), cost.params, cost.macs};
}

eval::Precision precision_after(const Json& input, const prune::TrainOptions& options) {
  return eval::precision_from_string(options.precision == "auto" ? input.at("values").at("precision").get<std::string>()
                                                                 : options.precision);
}

namespace {

/// The net of the input "teacher", if there is one.
std::optional<eval::Net> teacher_of(const StageContext& context) {
  return context.inputs.contains("teacher") ? std::optional(context.input_net("teacher")) : std::nullopt;
}

/// Why this net should not be trained in the precision; empty where nothing speaks against it.
std::string fault_of(const TaskData& data, const eval::Net& net, const prune::TrainOptions& options, eval::Precision precision) {
  if (precision != eval::Precision::bf16) return "";
  const auto train = data.dataset->split(eval::Split::train);
  const std::vector<std::int64_t> first(train.begin(), train.begin() + std::min<std::ptrdiff_t>(options.batch, std::ssize(train)));
  eval::BatchLoader loader(*data.dataset, data.normalisation, first, {.batch = options.batch, .device = net.device()});
  const eval::Batch batch = loader.next().value();
  return eval::gradient_fault(net, batch.images, batch.labels, precision);
}

/// Trains in the precision of the task. Where gradients come out wrong in it, here and at these shapes, or where the training diverged in
/// it, in fp32 from the last whole epoch on; `task` has the precision that it ended in, and `reason` says why.
prune::TrainResult train_soundly(const TaskData& data, eval::Net& net, prune::TrainTask& task, std::string& reason) {
  const std::filesystem::path note = storage::precision_note_path(task.checkpoint);
  reason = std::filesystem::exists(note) ? storage::read_file(note) : fault_of(data, net, task.options, task.precision);
  if (!reason.empty()) task.precision = eval::Precision::fp32;
  if (task.precision != eval::Precision::bf16) return prune::train(net, task);

  const eval::Weights start = eval::clone(net.weights());
  const prune::TrainResult tried = prune::train(net, task);
  if (tried.end != prune::TrainResult::End::diverged) return tried;
  reason = "in bf16 " + tried.reason;
  storage::write_file(note, reason);
  task.precision = eval::Precision::fp32;
  net.assign(start);
  return prune::train(net, task);
}

}  // namespace

void train_and_record(const StageContext& context, const TaskData& data, eval::Net& net, const prune::TrainOptions& options,
                      eval::Precision precision, double done, storage::StageOutcome& outcome, const TrainingStart& start) {
  const std::optional<eval::Net> teacher = teacher_of(context);
  prune::TrainTask task{
      .data = *data.dataset,
      .normalisation = data.normalisation,
      .options = options,
      .precision = precision,
      .seed = context.seed(Draws::training),
      .checkpoint = context.checkpoint(),
      .progress = [&](double fraction, const std::string& message) { context.progress(done + (1 - done) * fraction, message); },
      .stop = &context.stop,
      .start = start.validated,
      .from = start.from,
      .keep_zeros = start.keep_zeros,
      .teacher = teacher ? &*teacher : nullptr};
  std::string reason;
  const prune::TrainResult result = train_soundly(data, net, task, reason);
  if (!reason.empty()) {
    fmt::print(stderr, "{}: trained in fp32, since {}\n", net.spec().name, reason);
    outcome.values["fp32_since"] = reason;
  }
  for (std::size_t i = 0; i < result.history.size(); ++i) {
    const int epoch = static_cast<int>(i) + 1;
    outcome.metrics.push_back({"train", "loss", result.history[i].train_loss, epoch});
    outcome.metrics.push_back({"train", "lr", result.history[i].lr, epoch});
    outcome.metrics.push_back({"val", "loss", result.history[i].val_loss, epoch});
    outcome.metrics.push_back({"val", "accuracy", result.history[i].val_accuracy, epoch});
  }
  switch (result.end) {
    case prune::TrainResult::End::diverged:
      outcome.state = storage::StageState::failed;
      outcome.failure_kind = storage::failure::diverged;
      outcome.failure = result.reason;
      return;
    case prune::TrainResult::End::interrupted:
      outcome.state = storage::StageState::interrupted;
      return;
    case prune::TrainResult::End::done:
      break;
  }
  outcome.state = storage::StageState::done;
  outcome.metrics.push_back({"val", "accuracy", result.best.val_accuracy, {}});
  outcome.metrics.push_back({"val", "loss", result.best.val_loss, {}});
  if (result.train_s > 0) {
    outcome.metrics.push_back({"train", "images_per_s", static_cast<double>(result.images) / result.train_s, {}});
    outcome.metrics.push_back({"train", "data_wait_share", result.data_wait_s / result.train_s, {}});
  }
  if (result.parts > 1) outcome.metrics.push_back({"train", "batch_parts", static_cast<double>(result.parts), {}});
  outcome.metrics.push_back({"data", "images_left_out", static_cast<double>(data.dataset->left_out().size()), {}});
  for (const eval::LeftOut& image : data.dataset->left_out()) outcome.values["left_out"].push_back({image.image, image.reason});
  outcome.values["best_epoch"] = result.best_epoch;
  outcome.values["precision"] = eval::to_string(task.precision);
  outcome.values["class_names"] = data.dataset->class_names();
  outcome.values["normalisation"] = {{"mean", data.normalisation.mean}, {"deviation", data.normalisation.deviation}};
  outcome.artifacts.push_back(
      context.artifacts().put("weights", [&](const std::filesystem::path& path) { eval::write_net(path, net.spec(), net.weights()); }));
  if (result.can_go_on && std::filesystem::exists(context.checkpoint()))
    outcome.artifacts.push_back(context.artifacts().put("checkpoint", [&](const std::filesystem::path& path) {
      std::filesystem::copy_file(context.checkpoint(), path, std::filesystem::copy_options::overwrite_existing);
    }));
}

}  // namespace search
