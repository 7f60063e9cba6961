#include "prune/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "eval/accuracy.h"
#include "prune/checkpoint.h"
#include "prune/train_step.h"
#include "storage/base/error.h"
#include "storage/base/time.h"

namespace prune {

using storage::Json;
using torch::Tensor;

namespace {

eval::Augmentation augmentation_of(const TrainOptions& options) {
  const auto has = [&](const char* name) {
    return std::find(options.augment.begin(), options.augment.end(), name) != options.augment.end();
  };
  return {.flip = has("flip"),
          .padding = has("crop") ? options.padding : 0,
          .min_scale = has("resized_crop") ? options.min_scale : 1,
          .jitter = has("jitter") ? options.jitter : 0,
          .trivial = has("trivial_augment"),
          .cutout = has("cutout") ? options.cutout_size : 0};
}

bool is_better(const Epoch& epoch, const Epoch& other) {
  if (epoch.val_accuracy != other.val_accuracy) return epoch.val_accuracy > other.val_accuracy;
  return epoch.val_loss < other.val_loss || (std::isfinite(epoch.val_loss) && !std::isfinite(other.val_loss));
}

/// Batches in a row whose loss is a hundred times that of guessing, after which a training is given up. One such loss comes back: the first
/// batch after a cut of a net without batch norm may have it.
constexpr int hopeless_batches = 50;

/// Batches between two readings of the loss on a GPU, which has to finish for it.
constexpr int batches_per_reading = 16;

/// Losses in a row that are not finite, in fp16, where the scale of the loss may still be too large.
constexpr int unscalable_batches = 30;

/// One training run in progress.
class Training {
 public:
  Training(eval::Net& net, const TrainTask& task)
      : net_(net), task_(task), options_(task.options), step_(net, task, [this](const std::string& message) { report(message); }) {}

  TrainResult run() {
    net_.require_gradients(true);
    if (start_) {
      best_ = eval::clone(net_.weights());
      result_.best = *start_;
    }
    resume();
    while (result_.end == TrainResult::End::done && !is_over() && !is_stopped()) {
      const int epoch = static_cast<int>(result_.history.size());
      Epoch done;
      run_epoch(epoch, done);
      if (result_.end != TrainResult::End::done) break;
      validate(done);
      if (!task_.checkpoint.empty() && !is_over())
        write_checkpoint(task_.checkpoint, {net_.weights(), best_, step_.state().average, progress_to_json()}, step_.state().optimizer);
    }
    net_.require_gradients(false);
    if (result_.end == TrainResult::End::done) net_.assign(best_);
    result_.parts = step_.state().parts;
    result_.can_go_on = result_.end == TrainResult::End::done && is_stopped() && !is_over();
    return std::move(result_);
  }

 private:
  bool is_over() const {
    return static_cast<int>(result_.history.size()) >= options_.epochs ||
           (options_.early_stop > 0 && epochs_since_best(result_.history) >= options_.early_stop);
  }

  bool is_stopped() const { return options_.stop_after > 0 && static_cast<int>(result_.history.size()) >= options_.stop_after; }

  void resume() {
    Checkpoint checkpoint;
    if (task_.checkpoint.empty() ||
        !read_checkpoint(task_.checkpoint, net_.weights(), options_.ema > 0, task_.from, checkpoint, step_.state().optimizer))
      return;
    net_.assign(checkpoint.weights);
    best_ = std::move(checkpoint.best);
    step_.state().average = std::move(checkpoint.average);
    read_progress(checkpoint.progress);
  }

  Json progress_to_json() const {
    Json history = Json::array();
    for (const Epoch& epoch : result_.history)
      history.push_back({storage::number_to_json(epoch.train_loss), epoch.val_accuracy, storage::number_to_json(epoch.val_loss), epoch.lr});
    const TrainStep::State& state = step_.state();
    Json progress{{"history", history},   {"best_epoch", result_.best_epoch}, {"steps", state.steps},
                  {"parts", state.parts}, {"loss_scale", state.scaler.scale}, {"good_steps", state.scaler.good_steps}};
    if (!task_.from.empty()) progress["from"] = task_.from;
    if (start_) progress["start"] = {start_->val_accuracy, storage::number_to_json(start_->val_loss)};
    return progress;
  }

  void read_progress(const Json& progress) {
    for (const Json& e : progress.at("history"))
      result_.history.push_back(
          {storage::number_from_json(e.at(0)), e.at(1).get<double>(), storage::number_from_json(e.at(2)), e.at(3).get<double>()});
    result_.best_epoch = progress.at("best_epoch").get<int>();
    if (progress.contains("start"))
      start_ = Epoch{.val_accuracy = progress["start"].at(0).get<double>(), .val_loss = storage::number_from_json(progress["start"].at(1))};
    result_.best = result_.best_epoch == 0 ? start_.value() : result_.history.at(static_cast<std::size_t>(result_.best_epoch) - 1);
    TrainStep::State& state = step_.state();
    state.parts = progress.at("parts").get<int>();
    state.steps = progress.at("steps").get<std::int64_t>();
    state.scaler = {progress.at("loss_scale").get<double>(), progress.at("good_steps").get<int>()};
  }

  void report(const std::string& message) const {
    if (task_.progress) task_.progress(fraction_, message);
  }

  void run_epoch(int epoch, Epoch& done) {
    const std::uint64_t seed = eval::mix_seed(task_.seed, epoch);
    torch::manual_seed(seed);  // dropout
    eval::BatchLoader loader(
        task_.data, task_.normalisation, eval::shuffled(task_.data.split(eval::Split::train), seed),
        {.batch = options_.batch, .augmentation = augmentation_of(options_), .seed = seed, .drop_last = true, .device = net_.device()});
    const auto start = std::chrono::steady_clock::now();
    const double batches = static_cast<double>(loader.batches());
    const double classes = static_cast<double>(task_.data.class_names().size());
    const double plateau = plateau_factor(options_, result_.history);
    double loss_sum = 0, loss = 0, step = 0;
    std::vector<Tensor> unread;
    for (std::optional<eval::Batch> batch; result_.end == TrainResult::End::done && (batch = loader.next()); ++step) {
      done.lr = options_.optimizer.lr * plateau *
                lr_factor(options_, epoch * batches + step, options_.epochs * batches, options_.warmup * batches);
      fraction_ = (epoch + step / batches) / options_.epochs;
      unread.push_back(step_.take(*batch, done.lr, eval::mix_seed(seed, static_cast<std::uint64_t>(step))));
      result_.images += batch->labels.size(0);
      const bool is_told = static_cast<int>(step) % batches_per_reading == 0;
      if (net_.device().is_cpu() || is_told || step + 1 == batches) {
        const double first = step + 2 - static_cast<double>(unread.size());
        for (std::size_t i = 0; i < unread.size() && result_.end == TrainResult::End::done; ++i) {
          loss_sum += loss = unread[i].item<double>();
          if (!is_hopeless(loss, classes)) continue;
          result_.end = TrainResult::End::diverged;
          result_.reason = fmt::format("the training loss is {} in epoch {}, batch {}, at learning rate {:.3g}", loss, epoch + 1,
                                       first + static_cast<double>(i), done.lr);
        }
        unread.clear();
      }
      if (result_.end == TrainResult::End::done && task_.stop && task_.stop->load()) result_.end = TrainResult::End::interrupted;
      if (is_told) report(fmt::format("epoch {}/{}, loss {:.3f}", epoch + 1, options_.epochs, loss));
    }
    done.train_loss = loss_sum / std::max(step, 1.0);
    result_.data_wait_s += loader.waited();
    result_.train_s += storage::seconds_since(start);
  }

  /// Whether the losses so far do not come back.
  bool is_hopeless(double loss, double classes) {
    const bool is_finite = std::isfinite(loss);
    not_finite_ = is_finite ? 0 : not_finite_ + 1;
    beyond_ = is_finite && loss <= 100 * std::log(std::max(classes, 2.0)) ? 0 : beyond_ + 1;
    return not_finite_ > (task_.precision == eval::Precision::fp16 ? unscalable_batches : 0) || beyond_ > hopeless_batches;
  }

  void validate(Epoch& done) {
    eval::Weights trained;
    if (options_.ema > 0) {
      trained = eval::clone(net_.weights());
      net_.assign(step_.state().average);
    }
    const eval::Evaluation validation = eval::evaluate(net_, task_.data, task_.normalisation, task_.data.split(eval::Split::validation));
    done.val_accuracy = validation.accuracy;
    done.val_loss = validation.loss;
    const bool is_first = !start_ && result_.history.empty();
    if (is_first || is_better(done, result_.best)) {
      result_.best = done;
      best_ = eval::clone(net_.weights());
      result_.best_epoch = static_cast<int>(result_.history.size()) + 1;
    }
    result_.history.push_back(done);
    if (options_.ema > 0) net_.assign(trained);
  }

  eval::Net& net_;
  const TrainTask& task_;
  const TrainOptions& options_;
  TrainStep step_;
  double fraction_ = 0;              ///< of the whole training that is done
  int not_finite_ = 0, beyond_ = 0;  ///< batches in a row of such a loss
  eval::Weights best_;
  std::optional<Epoch> start_ = task_.start;
  TrainResult result_;
};

}  // namespace

TrainResult train(eval::Net& net, const TrainTask& task) {
  return Training(net, task).run();
}

}  // namespace prune
