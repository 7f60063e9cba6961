// What the stages that train have in common: training under the stage's seed, precision and checkpoint, and the rows that it leaves.
#pragma once

#include "eval/precision.h"
#include "prune/lr_schedule.h"
#include "prune/train_options.h"
#include "search/worker/stages/stages.h"

namespace search {

/// What a training begins with, beside the net: as prune::TrainTask has it.
struct TrainingStart {
  std::optional<prune::Epoch> validated = {};  ///< TrainTask::start
  std::string from = {};
  bool keep_zeros = false;
};

/// Trains `net` from `done` of the stage's progress on, and fills in state, failure, curves and validation metrics of the outcome. Where it
/// is done, the weights are stored as the artifact "weights", and, where options end the training before its last epoch, what it goes on
/// from as "checkpoint". The net of the input "teacher", if there is one, is learnt from.
void train_and_record(const StageContext& context, const TaskData& data, eval::Net& net, const prune::TrainOptions& options,
                      eval::Precision precision, double done, storage::StageOutcome& outcome, const TrainingStart& start = {});

/// That of a training after the one that made the net of an input: `auto` is as it was probed for that.
eval::Precision precision_after(const Json& input, const prune::TrainOptions& options);

/// The record of a net, its hash and cost included.
storage::ArchitectureRecord architecture_of(const eval::NetSpec& spec, std::string parent, Json kept);

}  // namespace search
