#include "prune/train.h"

#include <fmt/format.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

#include "eval/accuracy.h"
#include "prune/checkpoint.h"
#include "prune/loss_scaler.h"
#include "storage/base/error.h"

namespace prune {

using storage::Json;
using torch::Tensor;

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

eval::Augmentation augmentation_of(const TrainOptions& options) {
  const auto has = [&](const char* name) {
    return std::find(options.augment.begin(), options.augment.end(), name) != options.augment.end();
  };
  return {.flip = has("flip"),
          .padding = has("crop") ? options.padding : 0,
          .min_scale = has("resized_crop") ? options.min_scale : 1,
          .jitter = has("jitter") ? options.jitter : 0,
          .cutout = has("cutout") ? options.cutout_size : 0};
}

std::unique_ptr<torch::optim::Optimizer> make_optimizer(const OptimizerOptions& options, std::vector<Tensor> parameters) {
  if (options.name == "adamw")
    return std::make_unique<torch::optim::AdamW>(
        std::move(parameters),
        torch::optim::AdamWOptions(options.lr).betas({options.beta1, options.beta2}).weight_decay(options.weight_decay));
  return std::make_unique<torch::optim::SGD>(std::move(parameters), torch::optim::SGDOptions(options.lr)
                                                                        .momentum(options.momentum)
                                                                        .weight_decay(options.weight_decay)
                                                                        .nesterov(options.nesterov && options.momentum > 0));
}

/// Moves `average` towards `now` by 1 - decay; running statistics are taken over.
void update_average(eval::Weights& average, const eval::Weights& now, double decay) {
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : average) {
    const Tensor& value = now.at(name);
    if (value.requires_grad())
      tensor.lerp_(value, 1 - decay);
    else
      tensor.copy_(value);
  }
}

/// Images mixed in pairs, and the share that the first of a pair has.
struct Mixed {
  Tensor images, labels, other_labels;
  double share = 1;
};

Mixed mix(const Tensor& images, const Tensor& labels, double alpha, std::uint64_t seed) {
  if (alpha == 0) return {images, labels, labels, 1};
  std::mt19937_64 random(seed);
  std::gamma_distribution<double> gamma(alpha);
  const double a = gamma(random), b = gamma(random), share = a + b > 0 ? a / (a + b) : 1;
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(labels.size(0)));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int64_t>(i);
  const Tensor order = torch::tensor(eval::shuffled(numbers, random()), torch::kInt64).to(labels.device());
  return {images * share + images.index_select(0, order) * (1 - share), labels, labels.index_select(0, order), share};
}

/// One training run in progress.
class Training {
 public:
  Training(eval::Net& net, const TrainTask& task)
      : net_(net), task_(task), options_(task.options), optimizer_(make_optimizer(task.options.optimizer, net.parameters())) {
    if (options_.class_weights == "balanced")
      class_weights_ = torch::tensor(balanced_class_weights(task.data, eval::Split::train)).to(net.device());
    if (is_taught() && task.teacher == nullptr) throw storage::Error(storage::ErrorKind::internal, "distillation without a teacher");
  }

  TrainResult run() {
    net_.require_gradients(true);
    if (options_.ema > 0) average_ = eval::clone(net_.weights());
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
        write_checkpoint(task_.checkpoint, {net_.weights(), best_, average_, progress_to_json()}, *optimizer_);
    }
    net_.require_gradients(false);
    if (result_.end == TrainResult::End::done) net_.assign(best_);
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
    if (task_.checkpoint.empty() || !read_checkpoint(task_.checkpoint, net_.weights(), options_.ema > 0, checkpoint, *optimizer_)) return;
    net_.assign(checkpoint.weights);
    best_ = std::move(checkpoint.best);
    average_ = std::move(checkpoint.average);
    read_progress(checkpoint.progress);
  }

  Json progress_to_json() const {
    Json history = Json::array();
    for (const Epoch& epoch : result_.history) history.push_back({epoch.train_loss, epoch.val_accuracy, epoch.val_loss, epoch.lr});
    Json progress{{"history", history},     {"best_epoch", result_.best_epoch}, {"steps", steps_},
                  {"parts", result_.parts}, {"loss_scale", scaler_.scale},      {"good_steps", scaler_.good_steps}};
    if (start_) progress["start"] = {start_->val_accuracy, start_->val_loss};
    return progress;
  }

  void read_progress(const Json& progress) {
    for (const Json& e : progress.at("history"))
      result_.history.push_back({e.at(0).get<double>(), e.at(1).get<double>(), e.at(2).get<double>(), e.at(3).get<double>()});
    result_.best_epoch = progress.at("best_epoch").get<int>();
    if (progress.contains("start"))
      start_ = Epoch{.val_accuracy = progress["start"].at(0).get<double>(), .val_loss = progress["start"].at(1).get<double>()};
    result_.best = result_.best_epoch == 0 ? start_.value() : result_.history.at(static_cast<std::size_t>(result_.best_epoch) - 1);
    result_.parts = progress.at("parts").get<int>();
    steps_ = progress.at("steps").get<std::int64_t>();
    scaler_ = {progress.at("loss_scale").get<double>(), progress.at("good_steps").get<int>()};
  }

  void report(double fraction, const std::string& message) const {
    if (task_.progress) task_.progress(fraction, message);
  }

  void run_epoch(int epoch, Epoch& done) {
    const std::uint64_t seed = eval::mix_seed(task_.seed, epoch);
    torch::manual_seed(seed);  // dropout
    eval::BatchLoader loader(task_.data, task_.normalisation, eval::shuffled(task_.data.split(eval::Split::train), seed),
                             {.batch = options_.batch, .augmentation = augmentation_of(options_), .seed = seed, .drop_last = true});
    const auto start = std::chrono::steady_clock::now();
    const double batches = static_cast<double>(loader.batches());
    const double classes = static_cast<double>(task_.data.class_names().size());
    const double plateau = plateau_factor(options_, result_.history);
    double loss_sum = 0, step = 0;
    for (std::optional<eval::Batch> batch; result_.end == TrainResult::End::done && (batch = loader.next()); ++step) {
      done.lr = options_.optimizer.lr * plateau *
                lr_factor(options_, epoch * batches + step, options_.epochs * batches, options_.warmup * batches);
      const double loss = train_batch(*batch, done.lr, eval::mix_seed(seed, static_cast<std::uint64_t>(step)));
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
      if (static_cast<int>(step) % 16 == 0)
        report((epoch + step / batches) / options_.epochs, fmt::format("epoch {}/{}, loss {:.3f}", epoch + 1, options_.epochs, loss));
    }
    done.train_loss = loss_sum / std::max(step, 1.0);
    result_.data_wait_s += loader.waited();
    result_.train_s += seconds_since(start);
  }

  double train_batch(const eval::Batch& batch, double lr, std::uint64_t seed) {
    for (auto& group : optimizer_->param_groups()) group.options().set_lr(lr);
    const Mixed mixed = mix(batch.images.to(net_.device()), batch.labels.to(net_.device()), options_.mixup, seed);
    const double loss = gradients_of(mixed);
    const double scale = task_.precision == eval::Precision::fp16 ? scaler_.scale : 1;
    if (task_.precision == eval::Precision::fp16) {
      const bool finite = unscale_gradients(scale);
      scaler_.update(finite);
      if (!finite) return loss;
    }
    if (options_.clip > 0) torch::nn::utils::clip_grad_norm_(parameters(), options_.clip);
    optimizer_->step();
    ++steps_;
    // Early averages would remember the initial weights: the decay grows with the steps.
    if (options_.ema > 0)
      update_average(average_, net_.weights(),
                     std::min(options_.ema, (1.0 + static_cast<double>(steps_)) / (10.0 + static_cast<double>(steps_))));
    return loss;
  }

  std::vector<Tensor>& parameters() { return optimizer_->param_groups()[0].params(); }

  /// Sets the gradients of the batch's mean loss, and returns that; in more parts where memory does not suffice.
  double gradients_of(const Mixed& batch) {
    while (true) {
      for (Tensor& parameter : parameters()) parameter.mutable_grad().reset();
      try {
        double loss = 0;
        const std::int64_t images = batch.labels.size(0), part = (images + result_.parts - 1) / result_.parts;
        for (std::int64_t begin = 0; begin < images; begin += part) {
          const std::int64_t size = std::min(part, images - begin);
          const Mixed piece = result_.parts == 1 ? batch
                                                 : Mixed{batch.images.narrow(0, begin, size), batch.labels.narrow(0, begin, size),
                                                         batch.other_labels.narrow(0, begin, size), batch.share};
          loss += backward(piece, static_cast<double>(size) / static_cast<double>(images));
        }
        return loss;
      } catch (const std::exception& error) {
        if (!eval::is_out_of_memory(error) || result_.parts >= batch.labels.size(0)) throw;
      }
      result_.parts *= 2;
      report(0, fmt::format("out of memory: batches of {} are computed in {} parts", options_.batch, result_.parts));
    }
  }

  /// Adds the gradients of `share` times the mean loss, and returns that.
  double backward(const Mixed& batch, double share) {
    Tensor scores;
    {
      const eval::AutocastScope autocast(task_.precision, net_.device());
      scores = net_.forward(batch.images, /*training=*/true);
    }
    scores = scores.to(torch::kFloat32);
    Tensor loss = cross_entropy(scores, batch.labels);
    if (batch.share < 1) loss = batch.share * loss + (1 - batch.share) * cross_entropy(scores, batch.other_labels);
    if (is_taught()) loss = (1 - options_.distill->weight) * loss + options_.distill->weight * distance_to_teacher(batch.images, scores);
    loss = loss * share;
    (task_.precision == eval::Precision::fp16 ? loss * scaler_.scale : loss).backward();
    return loss.item<double>();
  }

  bool is_taught() const { return options_.distill && options_.distill->weight > 0; }

  Tensor cross_entropy(const Tensor& scores, const Tensor& labels) const {
    return at::cross_entropy_loss(scores, labels, class_weights_, at::Reduction::Mean, -100, options_.label_smoothing);
  }

  /// Kullback-Leibler divergence of the softened scores, times the square of the temperature, which keeps the gradients' size.
  Tensor distance_to_teacher(const Tensor& images, const Tensor& scores) const {
    const double temperature = options_.distill->temperature;
    Tensor wanted;
    {
      torch::NoGradGuard no_grad;
      const eval::AutocastScope autocast(task_.precision, net_.device());
      wanted = task_.teacher->forward(images, /*training=*/false);
    }
    const Tensor target = at::log_softmax(wanted.to(torch::kFloat32) / temperature, 1), given = at::log_softmax(scores / temperature, 1);
    return at::kl_div(given, target, at::Reduction::Sum, /*log_target=*/true) *
           (temperature * temperature / static_cast<double>(scores.size(0)));
  }

  /// Divides the gradients by the scale; false where one is not finite.
  bool unscale_gradients(double scale) {
    bool finite = true;
    for (Tensor& parameter : parameters()) {
      if (!parameter.grad().defined()) continue;
      parameter.mutable_grad().div_(scale);
      finite = finite && parameter.grad().isfinite().all().item<bool>();
    }
    return finite;
  }

  void validate(Epoch& done) {
    eval::Weights trained;
    if (options_.ema > 0) {
      trained = eval::clone(net_.weights());
      net_.assign(average_);
    }
    const eval::Evaluation validation = eval::evaluate(net_, task_.data, task_.normalisation, task_.data.split(eval::Split::validation));
    done.val_accuracy = validation.accuracy;
    done.val_loss = validation.loss;
    const auto worse = [&](const Epoch& other) { return other.val_accuracy <= done.val_accuracy; };
    if ((!start_ || worse(*start_)) && std::all_of(result_.history.begin(), result_.history.end(), worse)) {
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
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  Tensor class_weights_;  ///< undefined: all alike
  eval::Weights best_, average_;
  LossScaler scaler_;
  std::int64_t steps_ = 0;
  std::optional<Epoch> start_ = task_.start;
  TrainResult result_;
};

}  // namespace

std::vector<float> balanced_class_weights(const eval::Dataset& data, eval::Split split) {
  std::vector<std::int64_t> counts(data.class_names().size());
  for (const std::int64_t image : data.split(split)) ++counts[static_cast<std::size_t>(data.labels()[image])];
  const double images = static_cast<double>(data.split(split).size()), classes = static_cast<double>(counts.size());
  std::vector<float> weights;
  for (const std::int64_t count : counts)
    weights.push_back(count == 0 ? 0.F : static_cast<float>(images / (classes * static_cast<double>(count))));
  return weights;
}

TrainResult train(eval::Net& net, const TrainTask& task) {
  return Training(net, task).run();
}

}  // namespace prune
