#include "search/worker/stages/training.h"

#include "eval/cost.h"
#include "eval/formats/safetensors.h"
#include "prune/train.h"
#include "storage/base/fingerprint.h"

namespace search {

storage::ArchitectureRecord architecture_of(const eval::NetSpec& spec, std::string parent, Json kept) {
  const eval::Cost cost = eval::cost(spec);
  const Json json = eval::to_json(spec);
  return {storage::fingerprint(json), json, std::move(parent), std::move(kept), cost.params, cost.macs};
}

void train_and_record(const StageContext& context, const TaskData& data, eval::Net& net, const prune::TrainOptions& options,
                      eval::Precision precision, double done, storage::StageOutcome& outcome, const eval::Net* teacher,
                      const std::optional<prune::Epoch>& start) {
  const prune::TrainTask task{
      .data = *data.dataset,
      .normalisation = data.normalisation,
      .options = options,
      .precision = precision,
      .seed = eval::mix_seed(context.parameters.at("seed").get<std::uint64_t>(), 0),
      .checkpoint = context.checkpoint(),
      .progress = [&](double fraction, const std::string& message) { context.progress(done + (1 - done) * fraction, message); },
      .stop = &context.stop,
      .start = start,
      .teacher = teacher};
  const prune::TrainResult result = prune::train(net, task);
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
      outcome.failure_kind = "diverged";
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
  outcome.values["precision"] = eval::to_string(precision);
  outcome.values["normalisation"] = {{"mean", data.normalisation.mean}, {"deviation", data.normalisation.deviation}};
  outcome.artifacts.push_back(
      context.artifacts().put("weights", [&](const std::filesystem::path& path) { eval::write_net(path, net.spec(), net.weights()); }));
  if (task.options.stop_after > 0 && std::filesystem::exists(context.checkpoint()))
    outcome.artifacts.push_back(context.artifacts().put("checkpoint", [&](const std::filesystem::path& path) {
      std::filesystem::copy_file(context.checkpoint(), path, std::filesystem::copy_options::overwrite_existing);
    }));
}

}  // namespace search
