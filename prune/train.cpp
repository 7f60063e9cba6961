#include "prune/train.h"

#include <fmt/format.h>
#include <torch/optim/sgd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include "eval/accuracy.h"
#include "prune/checkpoint.h"
#include "storage/base/error.h"

namespace prune {

using storage::Json;
using torch::Tensor;

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Json to_json(const TrainResult& result) {
  Json history = Json::array();
  for (const Epoch& epoch : result.history) history.push_back({epoch.train_loss, epoch.val_accuracy, epoch.val_loss, epoch.lr});
  return {{"history", history}, {"best_epoch", result.best_epoch}};
}

void read_progress(const Json& progress, TrainResult& result) {
  for (const Json& e : progress.at("history"))
    result.history.push_back({e.at(0).get<double>(), e.at(1).get<double>(), e.at(2).get<double>(), e.at(3).get<double>()});
  result.best_epoch = progress.at("best_epoch").get<int>();
}

eval::Augmentation augmentation_of(const TrainOptions& options) {
  const auto has = [&](const char* name) {
    return std::find(options.augment.begin(), options.augment.end(), name) != options.augment.end();
  };
  return {has("flip"), has("shift") ? options.shift : 0};
}

/// One training run in progress.
class Training {
 public:
  Training(eval::Net& net, const TrainTask& task)
      : net_(net),
        task_(task),
        optimizer_(net.parameters(), torch::optim::SGDOptions(task.options.lr)
                                         .momentum(task.options.momentum)
                                         .weight_decay(task.options.weight_decay)
                                         .nesterov(task.options.nesterov)) {}

  TrainResult run() {
    net_.require_gradients(true);
    resume();
    const int epochs = task_.options.epochs;
    while (result_.end == TrainResult::End::done && static_cast<int>(result_.history.size()) < epochs) {
      const int epoch = static_cast<int>(result_.history.size());
      Epoch done;
      run_epoch(epoch, done);
      if (result_.end != TrainResult::End::done) break;
      validate(done);
      if (!task_.checkpoint.empty() && epoch + 1 < epochs)
        write_checkpoint(task_.checkpoint, {net_.weights(), best_, to_json(result_)}, optimizer_);
    }
    net_.require_gradients(false);
    if (result_.end == TrainResult::End::done) net_.assign(best_);
    return std::move(result_);
  }

 private:
  void resume() {
    Checkpoint checkpoint;
    if (task_.checkpoint.empty() || !read_checkpoint(task_.checkpoint, net_.weights(), checkpoint, optimizer_)) return;
    net_.assign(checkpoint.weights);
    best_ = std::move(checkpoint.best);
    read_progress(checkpoint.progress, result_);
  }

  void run_epoch(int epoch, Epoch& done) {
    const std::uint64_t seed = eval::mix_seed(task_.seed, epoch);
    torch::manual_seed(seed);  // dropout
    eval::BatchLoader loader(
        task_.data, task_.normalisation, eval::shuffled(task_.data.split(eval::Split::train), seed),
        {.batch = task_.options.batch, .augmentation = augmentation_of(task_.options), .seed = seed, .drop_last = true});
    const auto start = std::chrono::steady_clock::now();
    const double batches = static_cast<double>(loader.batches());
    const double classes = static_cast<double>(task_.data.class_names().size());
    double loss_sum = 0, step = 0;
    for (std::optional<eval::Batch> batch; result_.end == TrainResult::End::done && (batch = loader.next()); ++step) {
      done.lr = task_.options.lr *
                lr_factor(task_.options, epoch * batches + step, task_.options.epochs * batches, task_.options.warmup * batches);
      const double loss = train_batch(*batch, done.lr);
      loss_sum += loss;
      result_.images += batch->labels.size(0);
      // A hundred times the loss of guessing is past recovery.
      if (!std::isfinite(loss) || loss > 100 * std::log(std::max(classes, 2.0))) {
        result_.end = TrainResult::End::diverged;
        result_.reason =
            fmt::format("the training loss is {} in epoch {}, batch {}, at learning rate {:.3g}", loss, epoch + 1, step + 1, done.lr);
      } else if (task_.stop && task_.stop->load()) {
        result_.end = TrainResult::End::interrupted;
      }
      if (task_.progress && static_cast<int>(step) % 16 == 0)
        task_.progress((epoch + step / batches) / task_.options.epochs,
                       fmt::format("epoch {}/{}, loss {:.3f}", epoch + 1, task_.options.epochs, loss));
    }
    done.train_loss = loss_sum / std::max(step, 1.0);
    result_.data_wait_s += loader.waited();
    result_.train_s += seconds_since(start);
  }

  double train_batch(const eval::Batch& batch, double lr) {
    for (auto& group : optimizer_.param_groups()) static_cast<torch::optim::SGDOptions&>(group.options()).lr(lr);
    for (Tensor& parameter : optimizer_.param_groups()[0].params()) parameter.mutable_grad().reset();
    Tensor scores;
    {
      const eval::AutocastScope autocast(task_.precision, net_.device());
      scores = net_.forward(batch.images.to(net_.device()), /*training=*/true);
    }
    const Tensor loss = at::cross_entropy_loss(scores.to(torch::kFloat32), batch.labels.to(net_.device()), {}, at::Reduction::Mean, -100,
                                               task_.options.label_smoothing);
    loss.backward();
    optimizer_.step();
    return loss.item<double>();
  }

  void validate(Epoch& done) {
    const eval::Evaluation validation = eval::evaluate(net_, task_.data, task_.normalisation, task_.data.split(eval::Split::validation));
    done.val_accuracy = validation.accuracy;
    done.val_loss = validation.loss;
    const auto worse = [&](const Epoch& other) { return other.val_accuracy <= done.val_accuracy; };
    if (std::all_of(result_.history.begin(), result_.history.end(), worse)) {
      best_ = eval::clone(net_.weights());
      result_.best_epoch = static_cast<int>(result_.history.size()) + 1;
    }
    result_.history.push_back(done);
  }

  eval::Net& net_;
  const TrainTask& task_;
  torch::optim::SGD optimizer_;
  eval::Weights best_;
  TrainResult result_;
};

}  // namespace

double lr_factor(const TrainOptions& options, double step, double steps, double warmup) {
  if (step < warmup) return (step + 1) / (warmup + 1);
  if (options.lr_schedule == "constant") return 1;
  return 0.5 * (1 + std::cos(std::numbers::pi * (step - warmup) / std::max(steps - warmup, 1.0)));
}

TrainResult train(eval::Net& net, const TrainTask& task) {
  return Training(net, task).run();
}

}  // namespace prune
