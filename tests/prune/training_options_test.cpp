#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/cuda.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>

#include "prune/loss_scaler.h"
#include "prune/train.h"
#include "prune/train_step.h"
#include "storage/base/error.h"
#include "support/small_memory.h"
#include "support/temporary_directory.h"
#include "support/tiny_training.h"

using prune::Epoch;
using prune::TrainOptions;
using prune::TrainResult;

namespace {

using Setting = support::TinyTraining;

/// Without batch norm, which would see the parts of a batch.
eval::NetSpec net_without_norm() {
  eval::NetBuilder net("plain", {1, 8, 8});
  int x = net.relu("relu1", net.convolution("conv1", net.input(), 8, {3, 1, 1}));
  x = net.relu("relu2", net.convolution("conv2", net.max_pool("pool", x, {2, 2}), 16, {3, 1, 1}));
  net.linear("fc", net.flatten("flatten", net.adaptive_average_pool("global", x, 1)), 4);
  return std::move(net).build();
}

double largest_difference(const eval::Net& a, const eval::Net& b) {
  double largest = 0;
  for (const auto& [name, tensor] : a.weights()) largest = std::max(largest, (tensor - b.weights().at(name)).abs().max().item<double>());
  return largest;
}

std::vector<Epoch> with_accuracies(const std::vector<double>& accuracies) {
  std::vector<Epoch> history;
  for (const double accuracy : accuracies) history.push_back({0, accuracy, 0, 0});
  return history;
}

}  // namespace

TEST_CASE("steps and plateaus by hand") {
  TrainOptions options{.epochs = 6, .lr_schedule = "step", .lr_every = 2, .lr_gamma = 0.5};
  // 60 steps are 6 epochs: epochs 0 1 | 2 3 | 4 5.
  CHECK(prune::lr_factor(options, 19, 60, 0) == 1);
  CHECK(prune::lr_factor(options, 20, 60, 0) == 0.5);
  CHECK(prune::lr_factor(options, 59, 60, 0) == 0.25);
  CHECK(prune::plateau_factor(options, with_accuracies({0.5, 0.5, 0.5, 0.5})) == 1);

  options.lr_schedule = "plateau";
  CHECK(prune::lr_factor(options, 59, 60, 0) == 1);
  CHECK(prune::plateau_factor(options, {}) == 1);
  CHECK(prune::plateau_factor(options, with_accuracies({0.5, 0.6, 0.6})) == 1);         // one epoch without a better one
  CHECK(prune::plateau_factor(options, with_accuracies({0.5, 0.6, 0.6, 0.5})) == 0.5);  // two
  CHECK(prune::plateau_factor(options, with_accuracies({0.5, 0.6, 0.6, 0.5, 0.6, 0.6})) == 0.25);
  CHECK(prune::plateau_factor(options, with_accuracies({0.5, 0.6, 0.6, 0.7, 0.6})) == 1);
  CHECK(prune::epochs_since_best(with_accuracies({0.5, 0.7, 0.7, 0.6})) == 2);
}

TEST_CASE("early stopping ends after the epochs without a better one, and keeps the best") {
  const Setting setting;
  prune::TrainTask task = setting.task(200);
  task.options.early_stop = 3;
  eval::Net net = setting.fresh();
  const TrainResult result = prune::train(net, task);
  CHECK(result.end == TrainResult::End::done);
  REQUIRE(result.history.size() < 200);
  CHECK(prune::epochs_since_best(result.history) == 3);
}

TEST_CASE("balanced weights are inverse to the classes' shares") {
  support::TinyData data({1, 1, 1}, 3);
  for (const int label : {0, 0, 0, 1}) data.add(eval::Split::train, label, {0});
  data.add(eval::Split::test, 2, {0});
  // 4 images, 3 classes: 4 / (3 * 3), 4 / (3 * 1), none.
  const std::vector<float> weights = prune::balanced_class_weights(data, eval::Split::train);
  CHECK(weights[0] == Approx(4.0 / 9));
  CHECK(weights[1] == Approx(4.0 / 3));
  CHECK(weights[2] == 0);
}

TEST_CASE("AdamW, mixup, clipping, averaging and balanced weights all learn, and repeat their bits") {
  at::set_num_threads(1);
  const Setting setting;
  prune::TrainTask task = setting.task(30);
  SECTION("AdamW") {
    task.options.optimizer.name = "adamw";
    task.options.optimizer.lr = 0.005;
  }
  SECTION("mixup") {
    task.options.mixup = 0.2;
  }
  SECTION("clipping") {
    task.options.clip = 0.5;
  }
  SECTION("averaging") {
    task.options.ema = 0.9;
  }
  SECTION("balanced weights") {
    task.options.class_weights = "balanced";
  }
  eval::Net net = setting.fresh(), again = setting.fresh(), plain = setting.fresh();
  CHECK(prune::train(net, task).history.back().val_accuracy > 0.9);
  prune::train(again, task);
  CHECK(largest_difference(net, again) == 0);
  prune::train(plain, setting.task(30));
  if (task.options.class_weights == "none") CHECK(largest_difference(net, plain) > 0);  // the classes are balanced as they are
}

TEST_CASE("clipping bounds the step: without momentum and decay it is at most lr times the norm") {
  const Setting setting;
  prune::TrainTask task = setting.task(1);
  task.options.batch = 64;  // one step
  task.options.optimizer.momentum = task.options.optimizer.weight_decay = 0;
  task.options.optimizer.nesterov = false;
  task.options.optimizer.lr = 1;
  task.options.clip = 0.01;
  eval::Net net = setting.fresh();
  const eval::Net before = setting.fresh();
  prune::train(net, task);
  double squares = 0;
  for (const auto& [name, tensor] : net.weights())
    if (!name.ends_with("running_mean") && !name.ends_with("running_var"))
      squares += (tensor - before.weights().at(name)).square().sum().item<double>();
  CHECK(std::sqrt(squares) == Approx(0.01).epsilon(0.01));
}

TEST_CASE("the moving average is what is kept") {
  at::set_num_threads(1);
  const Setting setting;
  prune::TrainTask task = setting.task(1);
  task.options.batch = 64;  // one step, after which the decay is min(0.9, 2 / 11)
  task.options.ema = 0.9;
  eval::Net averaged = setting.fresh(), plain = setting.fresh();
  const eval::Net start = setting.fresh();
  prune::train(averaged, task);
  task.options.ema = 0;
  prune::train(plain, task);
  const std::string name = "conv1.weight";
  const std::string own = plain.weights().contains(name) ? name : plain.weights().rbegin()->first;
  const torch::Tensor expected = start.weights().at(own) * (2.0 / 11) + plain.weights().at(own) * (9.0 / 11);
  CHECK((averaged.weights().at(own) - expected).abs().max().item<double>() < 1e-6);
}

TEST_CASE("an averaged run that was stopped goes on to the same bits") {
  at::set_num_threads(1);
  const Setting setting;
  const support::TemporaryDirectory directory;
  prune::TrainTask task = setting.task(4);
  task.options.ema = 0.9;
  task.options.mixup = 0.2;
  task.options.optimizer.name = "adamw";
  task.options.optimizer.lr = 0.01;
  eval::Net undisturbed = setting.fresh(), stopped = setting.fresh(), resumed = setting.fresh();
  prune::train(undisturbed, task);
  task.checkpoint = directory.path() / "run.pt";
  std::atomic<bool> stop{false};
  task.stop = &stop;
  task.progress = [&](double fraction, const std::string&) { stop = fraction >= 0.5; };
  CHECK(prune::train(stopped, task).end == TrainResult::End::interrupted);
  stop = false;
  task.progress = nullptr;
  CHECK(prune::train(resumed, task).images == 2 * 64);
  CHECK(largest_difference(undisturbed, resumed) == 0);
}

TEST_CASE("with all the weight on the teacher, labels do not matter") {
  at::set_num_threads(1);
  const Setting setting;
  eval::Net teacher = setting.fresh();
  prune::train(teacher, setting.task(20));

  // The same images under labels that are all wrong.
  support::TinyData wrong({1, 8, 8}, 4);
  for (const eval::Split split : eval::all_splits)
    for (const std::int64_t image : setting.data.split(split))
      wrong.add(split, split == eval::Split::train ? (setting.data.labels()[image] + 1) % 4 : setting.data.labels()[image],
                {setting.data.pixels(image).begin(), setting.data.pixels(image).end()});
  prune::TrainTask task{wrong, setting.normalisation};
  task.options = {.epochs = 30, .batch = 16, .optimizer = {.lr = 0.02}, .distill = prune::DistillOptions{.weight = 1, .temperature = 2}};
  task.teacher = &teacher;
  eval::Net student = setting.fresh(7);
  CHECK(prune::train(student, task).history.back().val_accuracy > 0.9);
  task.options.distill.reset();
  eval::Net misled = setting.fresh(7);
  CHECK(prune::train(misled, task).history.back().val_accuracy < 0.5);
}

TEST_CASE("a batch that does not fit is computed in parts, with the gradients of the whole") {
  at::set_num_threads(1);
  Setting setting;
  setting.spec = net_without_norm();
  prune::TrainTask task = setting.task(2);
  task.options.batch = 64;
  std::string said;
  task.progress = [&](double, const std::string& message) {
    if (message.find("memory") != std::string::npos) said = message;
  };
  eval::Net whole = setting.fresh(), parts = setting.fresh();
  prune::train(whole, task);
  CHECK(said.empty());
  TrainResult result;
  {
    // 64 images of 8 x 8 floats are 16 KiB, what the first convolution makes of them is 128 KiB.
    const support::SmallMemory memory(40 << 10);
    result = prune::train(parts, task);
  }
  CHECK(result.end == TrainResult::End::done);
  CHECK(result.parts > 1);
  CHECK(said == fmt::format("out of memory: batches of 64 are computed in {} parts", result.parts));
  CHECK(largest_difference(whole, parts) < 1e-4);
}

TEST_CASE("a batch that stops fitting in the middle of a training leaves its progress where it is") {
  at::set_num_threads(1);
  Setting setting;
  setting.spec = net_without_norm();
  prune::TrainTask task = setting.task(4);
  task.options.batch = 64;  // one batch an epoch
  std::vector<double> fractions, split_at;
  std::optional<support::SmallMemory> memory;
  task.progress = [&](double fraction, const std::string& message) {
    fractions.push_back(fraction);
    if (message.find("memory") != std::string::npos) split_at.push_back(fraction);
    if (fraction == 0.25) memory.emplace(40 << 10);
  };
  eval::Net net = setting.fresh();
  prune::train(net, task);
  REQUIRE_FALSE(split_at.empty());
  for (const double fraction : split_at) CHECK(fraction == 0.5);
  CHECK(std::is_sorted(fractions.begin(), fractions.end()));
}

TEST_CASE("parts of a batch are as equal as can be: batch norm never sees one value") {
  Setting setting;
  eval::NetBuilder net("one place", {1, 8, 8});
  const int pooled = net.adaptive_average_pool("pool", net.convolution("conv", net.input(), 4, {3, 1, 1}), 1);
  net.linear("fc", net.flatten("flatten", net.batch_norm("norm", pooled)), 4);
  setting.spec = std::move(net).build();
  prune::TrainTask task = setting.task(1);
  task.options.batch = 64;
  task.options.micro_batch = 7;  // ten parts: nine of 7 would leave one image
  eval::Net trained = setting.fresh();
  const TrainResult result = prune::train(trained, task);
  CHECK(result.parts == 10);
  CHECK(std::isfinite(result.history.back().val_loss));
  CHECK(torch::isfinite(trained.weights().at("norm.running_var")).all().item<bool>());
}

TEST_CASE("fp16 scales the loss, and needs a GPU") {
  prune::LossScaler scaler;
  scaler.update(false);
  CHECK(scaler.scale == 32768);
  for (int i = 0; i < prune::LossScaler::interval; ++i) scaler.update(true);
  CHECK(scaler.scale == 65536);
  if (torch::cuda::is_available()) return;
  const Setting setting;
  prune::TrainTask task = setting.task(1);
  task.precision = eval::Precision::fp16;
  eval::Net net = setting.fresh();
  CHECK_THROWS_WITH(prune::train(net, task), "precision fp16 needs a CUDA device; valid: fp32, bf16 or auto");
}
