#include "prune/train_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "prune/distillation.h"
#include "prune/gradients.h"
#include "prune/tensor_lists.h"
#include "prune/weight_average.h"
#include "storage/base/error.h"

namespace prune {

using torch::Tensor;

namespace {

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

}  // namespace

TrainStep::TrainStep(eval::Net& net, const TrainTask& task, std::function<void(const std::string&)> say)
    : net_(net),
      task_(task),
      options_(task.options),
      say_(std::move(say)),
      state_{.optimizer = Optimizer(task.options.optimizer, task.options.body_lr_factor, net)},
      parameters_(net.parameters()) {
  for (const auto& [name, tensor] : net.weights())
    if (name.find(".running_") != std::string::npos) running_.push_back(tensor);
  for (const Tensor& tensor : running_) running_before_.push_back(tensor.clone());
  for (const eval::Layer& layer : net.spec().layers)
    if (layer.kind == eval::LayerKind::batch_norm) scales_.push_back(net.weights().at(layer.name + ".weight"));
  const std::int64_t batch = std::min<std::int64_t>(options_.batch, std::ssize(task.data.split(eval::Split::train)));
  if (options_.micro_batch > 0) state_.parts = static_cast<int>((batch + options_.micro_batch - 1) / options_.micro_batch);
  check_batch_norm(batch);
  if (task.keep_zeros) find_zeros();
  if (options_.class_weights == "balanced")
    class_weights_ = torch::tensor(balanced_class_weights(task.data, eval::Split::train)).to(net.device(), torch::kFloat32);
  if (is_taught() && task.teacher == nullptr) throw storage::Error(storage::ErrorKind::internal, "distillation without a teacher");
  if (options_.ema > 0) state_.average = eval::clone(net.weights());
}

Tensor TrainStep::take(const eval::Batch& batch, double lr, std::uint64_t seed) {
  state_.optimizer.set_lr(lr);
  const Tensor loss = gradients_of(mix(batch.images, batch.labels, options_, seed));
  if (task_.precision == eval::Precision::fp16) {
    const bool finite = unscale(defined_gradients(parameters_), state_.scaler.scale);
    state_.scaler.update(finite);
    if (!finite) return loss;
  }
  if (options_.bn_l1 > 0)
    for (Tensor& scale_of_norm : scales_) scale_of_norm.mutable_grad().add_(scale_of_norm.detach().sign(), options_.bn_l1);
  if (options_.clip > 0) clip_norm(defined_gradients(parameters_), options_.clip);
  state_.optimizer.step();
  restore_zeros();
  ++state_.steps;
  // Early averages would remember the initial weights: the decay grows with the steps.
  if (options_.ema > 0)
    update_average(state_.average, net_.weights(),
                   std::min(options_.ema, (1.0 + static_cast<double>(state_.steps)) / (10.0 + static_cast<double>(state_.steps))));
  return loss;
}

/// Images that a pass needs for batch norm to see two values a channel.
std::int64_t TrainStep::least_part() const {
  const std::int64_t values = smallest_normalised_map(net_.spec()).first;
  return values == 1 ? 2 : 1;
}

void TrainStep::check_batch_norm(std::int64_t batch) const {
  const std::int64_t part = batch / state_.parts;
  if (part < least_part())
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("batches of {} in {} parts: batch norm {} would see one value a channel; valid: at least two images",
                                     batch, state_.parts, smallest_normalised_map(net_.spec()).second));
}

/// Where the net as it was given has weights of filters that must stay 0.
void TrainStep::find_zeros() {
  for (const std::string& layer : eval::filter_layers(net_.spec())) {
    const Tensor& weight = net_.weights().at(layer + ".weight");
    filters_.push_back(weight);
    nonzero_.push_back(weight.ne(0).to(weight.dtype()));
  }
}

void TrainStep::restore_zeros() {
  torch::NoGradGuard no_grad;
  if (!filters_.empty()) at::_foreach_mul_(filters_, nonzero_);
}

/// Sets the gradients of the batch's mean loss, and returns that; in more parts where memory does not suffice.
Tensor TrainStep::gradients_of(const MixedBatch& batch) {
  const std::int64_t images = batch.labels.size(0);
  copy_all(running_before_, running_);
  while (true) {
    for (Tensor& parameter : parameters_) parameter.mutable_grad().reset();
    try {
      Tensor loss;
      const Weighing weighing{total_weight(batch.labels), total_weight(batch.other_labels), static_cast<double>(images)};
      for (std::int64_t part = 0; part < state_.parts; ++part) {
        const std::int64_t begin = part * images / state_.parts, size = (part + 1) * images / state_.parts - begin;
        const Tensor of_part = backward({batch.images.narrow(0, begin, size), batch.labels.narrow(0, begin, size),
                                         batch.other_labels.narrow(0, begin, size), batch.share},
                                        weighing);
        loss = part == 0 ? of_part : loss + of_part;
      }
      return loss;
    } catch (const std::exception& error) {
      if (!eval::is_out_of_memory(error) || images / (2 * state_.parts) < least_part()) throw;
    }
    copy_all(running_, running_before_);  // the pass that failed has moved some
    state_.parts *= 2;
    say_(fmt::format("out of memory: batches of {} are computed in {} parts", options_.batch, state_.parts));
  }
}

/// A scalar on the device.
Tensor TrainStep::total_weight(const Tensor& labels) const {
  if (class_weights_.defined()) return class_weights_.index_select(0, labels).sum();
  return torch::full({}, labels.size(0), torch::TensorOptions(torch::kFloat32).device(labels.device()));
}

/// Adds the gradients of a part of a batch's loss, and returns that.
Tensor TrainStep::backward(const MixedBatch& part, const Weighing& weighing) {
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
  (task_.precision == eval::Precision::fp16 ? loss * state_.scaler.scale : loss).backward();
  return loss.detach();
}

Tensor TrainStep::cross_entropy(const Tensor& scores, const Tensor& labels) const {
  return at::cross_entropy_loss(scores, labels, class_weights_, at::Reduction::Sum, -100, options_.label_smoothing);
}

/// The teacher's scores of the images.
Tensor TrainStep::taught(const Tensor& images) const {
  torch::NoGradGuard no_grad;
  const eval::PrecisionScope autocast(task_.precision, net_.device());
  return task_.teacher->forward(images, /*training=*/false).to(torch::kFloat32);
}

std::vector<float> balanced_class_weights(const eval::Dataset& data, eval::Split split) {
  std::vector<std::int64_t> counts(data.class_names().size());
  for (const std::int64_t image : data.split(split)) ++counts[static_cast<std::size_t>(data.labels()[image])];
  const double images = static_cast<double>(data.split(split).size()), classes = static_cast<double>(counts.size());
  std::vector<float> weights;
  for (const std::int64_t count : counts)
    weights.push_back(count == 0 ? 0.F : static_cast<float>(images / (classes * static_cast<double>(count))));
  return weights;
}

}  // namespace prune
