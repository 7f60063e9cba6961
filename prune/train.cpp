#include "prune/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "eval/accuracy.h"
#include "prune/checkpoint.h"
#include "prune/distillation.h"
#include "prune/gradients.h"
#include "prune/loss_scaler.h"
#include "prune/mixing.h"
#include "prune/optimizer.h"
#include "prune/tensor_lists.h"
#include "prune/weight_average.h"
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

/// The smallest map that a batch norm reads, in values a channel of one image, with the layer's name; 0: there is none.
std::pair<std::int64_t, std::string> smallest_normalised_map(const eval::NetSpec& spec) {
  const std::vector<eval::Shape> shapes = eval::output_shapes(spec);
  std::pair<std::int64_t, std::string> smallest{0, ""};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const std::int64_t values = std::int64_t{shapes[i].height} * shapes[i].width;
    if (spec.layers[i].kind == eval::LayerKind::batch_norm && (smallest.first == 0 || values < smallest.first))
      smallest = {values, spec.layers[i].name};
  }
  return smallest;
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
      : net_(net), task_(task), options_(task.options), optimizer_(task.options.optimizer, task.options.body_lr_factor, net) {
    for (const auto& [name, tensor] : net.weights())
      if (name.find(".running_") != std::string::npos) running_.push_back(tensor);
    for (const Tensor& tensor : running_) running_before_.push_back(tensor.clone());
    for (const eval::Layer& layer : net.spec().layers)
      if (layer.kind == eval::LayerKind::batch_norm) scales_.push_back(net.weights().at(layer.name + ".weight"));
    const std::int64_t batch = std::min<std::int64_t>(options_.batch, std::ssize(task.data.split(eval::Split::train)));
    if (options_.micro_batch > 0) result_.parts = static_cast<int>((batch + options_.micro_batch - 1) / options_.micro_batch);
    check_batch_norm(batch);
    if (task.keep_zeros) find_zeros();
    if (options_.class_weights == "balanced")
      class_weights_ = torch::tensor(balanced_class_weights(task.data, eval::Split::train)).to(net.device(), torch::kFloat32);
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
        write_checkpoint(task_.checkpoint, {net_.weights(), best_, average_, progress_to_json()}, optimizer_);
    }
    net_.require_gradients(false);
    if (result_.end == TrainResult::End::done) net_.assign(best_);
    result_.can_go_on = result_.end == TrainResult::End::done && is_stopped() && !is_over();
    return std::move(result_);
  }

 private:
  bool is_over() const {
    return static_cast<int>(result_.history.size()) >= options_.epochs ||
           (options_.early_stop > 0 && epochs_since_best(result_.history) >= options_.early_stop);
  }

  bool is_stopped() const { return options_.stop_after > 0 && static_cast<int>(result_.history.size()) >= options_.stop_after; }

  /// Images that a pass needs for batch norm to see two values a channel.
  std::int64_t least_part() const {
    const std::int64_t values = smallest_normalised_map(net_.spec()).first;
    return values == 1 ? 2 : 1;
  }

  void check_batch_norm(std::int64_t batch) const {
    const std::int64_t part = batch / result_.parts;
    if (part < least_part())
      throw storage::Error(storage::ErrorKind::invalid,
                           fmt::format("batches of {} in {} parts: batch norm {} would see one value a channel; valid: at least two images",
                                       batch, result_.parts, smallest_normalised_map(net_.spec()).second));
  }

  void resume() {
    Checkpoint checkpoint;
    if (task_.checkpoint.empty() ||
        !read_checkpoint(task_.checkpoint, net_.weights(), options_.ema > 0, task_.from, checkpoint, optimizer_))
      return;
    net_.assign(checkpoint.weights);
    best_ = std::move(checkpoint.best);
    average_ = std::move(checkpoint.average);
    read_progress(checkpoint.progress);
  }

  Json progress_to_json() const {
    Json history = Json::array();
    for (const Epoch& epoch : result_.history)
      history.push_back({storage::number_to_json(epoch.train_loss), epoch.val_accuracy, storage::number_to_json(epoch.val_loss), epoch.lr});
    Json progress{{"history", history},     {"best_epoch", result_.best_epoch}, {"steps", steps_},
                  {"parts", result_.parts}, {"loss_scale", scaler_.scale},      {"good_steps", scaler_.good_steps}};
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
      unread.push_back(train_batch(*batch, done.lr, eval::mix_seed(seed, static_cast<std::uint64_t>(step))));
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
      if (is_told)
        report((epoch + step / batches) / options_.epochs, fmt::format("epoch {}/{}, loss {:.3f}", epoch + 1, options_.epochs, loss));
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

  /// Returns the loss, a scalar on the device.
  Tensor train_batch(const eval::Batch& batch, double lr, std::uint64_t seed) {
    optimizer_.set_lr(lr);
    const Tensor loss = gradients_of(mix(batch.images, batch.labels, options_, seed));
    if (task_.precision == eval::Precision::fp16) {
      const bool finite = unscale(defined_gradients(parameters_), scaler_.scale);
      scaler_.update(finite);
      if (!finite) return loss;
    }
    if (options_.bn_l1 > 0)
      for (Tensor& scale_of_norm : scales_) scale_of_norm.mutable_grad().add_(scale_of_norm.detach().sign(), options_.bn_l1);
    if (options_.clip > 0) clip_norm(defined_gradients(parameters_), options_.clip);
    optimizer_.step();
    restore_zeros();
    ++steps_;
    // Early averages would remember the initial weights: the decay grows with the steps.
    if (options_.ema > 0)
      update_average(average_, net_.weights(),
                     std::min(options_.ema, (1.0 + static_cast<double>(steps_)) / (10.0 + static_cast<double>(steps_))));
    return loss;
  }

  /// Sets the gradients of the batch's mean loss, and returns that; in more parts where memory does not suffice.
  Tensor gradients_of(const MixedBatch& batch) {
    const std::int64_t images = batch.labels.size(0);
    copy_all(running_before_, running_);
    while (true) {
      for (Tensor& parameter : parameters_) parameter.mutable_grad().reset();
      try {
        Tensor loss;
        const Weighing weighing{total_weight(batch.labels), total_weight(batch.other_labels), static_cast<double>(images)};
        for (std::int64_t part = 0; part < result_.parts; ++part) {
          const std::int64_t begin = part * images / result_.parts, size = (part + 1) * images / result_.parts - begin;
          const Tensor of_part = backward({batch.images.narrow(0, begin, size), batch.labels.narrow(0, begin, size),
                                           batch.other_labels.narrow(0, begin, size), batch.share},
                                          weighing);
          loss = part == 0 ? of_part : loss + of_part;
        }
        return loss;
      } catch (const std::exception& error) {
        if (!eval::is_out_of_memory(error) || images / (2 * result_.parts) < least_part()) throw;
      }
      copy_all(running_, running_before_);  // the pass that failed has moved some
      result_.parts *= 2;
      report(0, fmt::format("out of memory: batches of {} are computed in {} parts", options_.batch, result_.parts));
    }
  }

  /// Where the net as it was given has weights of filters that must stay 0.
  void find_zeros() {
    for (const std::string& layer : eval::filter_layers(net_.spec())) {
      const Tensor& weight = net_.weights().at(layer + ".weight");
      filters_.push_back(weight);
      nonzero_.push_back(weight.ne(0).to(weight.dtype()));
    }
  }

  void restore_zeros() {
    torch::NoGradGuard no_grad;
    if (!filters_.empty()) at::_foreach_mul_(filters_, nonzero_);
  }

  /// What the sums over a batch are divided by, so that its parts add up to its mean loss.
  struct Weighing {
    Tensor labels, other_labels;
    double images = 1;
  };

  /// A scalar on the device.
  Tensor total_weight(const Tensor& labels) const {
    if (class_weights_.defined()) return class_weights_.index_select(0, labels).sum();
    return torch::full({}, labels.size(0), torch::TensorOptions(torch::kFloat32).device(labels.device()));
  }

  /// Adds the gradients of a part of a batch's loss, and returns that.
  Tensor backward(const MixedBatch& part, const Weighing& weighing) {
    const eval::PrecisionScope products(task_.precision == eval::Precision::tf32 ? task_.precision : eval::Precision::fp32, net_.device());
    Tensor scores;
    {
      const eval::PrecisionScope scope(task_.precision, net_.device());
      scores = net_.forward(part.images, /*training=*/true);
    }
    scores = scores.to(torch::kFloat32);
    Tensor loss = cross_entropy(scores, part.labels) / weighing.labels;
    if (part.share < 1) loss = part.share * loss + (1 - part.share) * cross_entropy(scores, part.other_labels) / weighing.other_labels;
    if (is_taught()) {
      const double weight = options_.distill->weight;
      const Tensor wanted = taught(part.images);
      Tensor distance = distance_to_teacher(scores, wanted, part.labels, *options_.distill);
      if (part.share < 1)
        distance = part.share * distance + (1 - part.share) * distance_to_teacher(scores, wanted, part.other_labels, *options_.distill);
      loss = (1 - weight) * loss + weight * distance / weighing.images;
    }
    (task_.precision == eval::Precision::fp16 ? loss * scaler_.scale : loss).backward();
    return loss.detach();
  }

  bool is_taught() const { return options_.distill && options_.distill->weight > 0; }

  Tensor cross_entropy(const Tensor& scores, const Tensor& labels) const {
    return at::cross_entropy_loss(scores, labels, class_weights_, at::Reduction::Sum, -100, options_.label_smoothing);
  }

  /// The teacher's scores of the images.
  Tensor taught(const Tensor& images) const {
    torch::NoGradGuard no_grad;
    const eval::PrecisionScope autocast(task_.precision, net_.device());
    return task_.teacher->forward(images, /*training=*/false).to(torch::kFloat32);
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
  Optimizer optimizer_;
  std::vector<Tensor> parameters_ = net_.parameters();
  std::vector<Tensor> filters_, nonzero_;  ///< weights that keep their zeros, and factors of 0 and 1; empty: none do
  std::vector<Tensor> running_, scales_;   ///< batch norm's statistics, and its scales
  std::vector<Tensor> running_before_;     ///< the statistics before a step
  int not_finite_ = 0, beyond_ = 0;        ///< batches in a row of such a loss
  Tensor class_weights_;                   ///< undefined: all alike
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
