#include <fmt/format.h>

#include "eval/accuracy.h"
#include "search/worker/stages/training.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/fingerprint.h"

namespace search {

namespace {

/// Lays the checkpoint of the stage before where this one's training looks for its own: whole or not at all.
void place_checkpoint(const StageContext& context, const std::string& hash) {
  if (storage::sha256_file(context.artifacts().path(hash)) != hash)
    throw storage::Error(storage::ErrorKind::environment, fmt::format("artifact {} is damaged: training cannot go on from it", hash));
  const storage::TemporaryNeighbour copy(context.checkpoint());
  std::filesystem::copy_file(context.artifacts().path(hash), copy.path(), std::filesystem::copy_options::overwrite_existing);
  storage::commit_file(copy.path(), context.checkpoint());
}

/// The net as it came: its training had ended early by itself.
void record_unchanged(const StageContext& context, const TaskData& data, const eval::Net& net, storage::StageOutcome& outcome) {
  const eval::Evaluation validation = eval::evaluate(net, *data.dataset, data.normalisation, data.dataset->split(eval::Split::validation));
  outcome.metrics = {{"val", "accuracy", validation.accuracy, {}}, {"val", "loss", validation.loss, {}}};
  const std::string weights = context.inputs.at("net").at("artifacts").at("weights");
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(context.artifacts().path(weights)));
  outcome.artifacts.push_back({"weights", weights, bytes});
  outcome.state = storage::StageState::done;
}

}  // namespace

storage::StageOutcome run_extend(const StageContext& context) {
  const TaskData& data = context.cache.data(context.parameters.at("data"));
  const Json& before = context.inputs.at("net");
  eval::Net net = context.input_net("net");
  storage::StageOutcome outcome;
  outcome.values = before.at("values");
  outcome.values.erase("left_out");  // training lists them again
  const Json& artifacts = before.at("artifacts");
  if (artifacts.contains("checkpoint")) {
    if (!std::filesystem::exists(context.checkpoint()))  // else this stage was killed, and goes on from its own
      place_checkpoint(context, artifacts.at("checkpoint"));
    prune::TrainOptions train = prune::train_options_from_json(context.parameters.at("train"));
    if (before.at("values").contains("lr_start")) before["values"]["lr_start"].get_to(train.optimizer.lr);
    train_and_record(context, data, net, train, eval::precision_from_string(before.at("values").at("precision").get<std::string>()), 0,
                     outcome);
  } else {
    record_unchanged(context, data, net, outcome);
  }
  if (outcome.state == storage::StageState::done) outcome.architecture = architecture_from_json(before.at("architecture"));
  return outcome;
}

}  // namespace search
