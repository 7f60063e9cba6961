// What training does beside the plain step: groups of parameters, parts of a batch, penalties, mixing, and when it gives up.
#include <ATen/Parallel.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "prune/mixing.h"
#include "prune/train.h"
#include "storage/base/error.h"
#include "support/temporary_directory.h"
#include "support/tiny_training.h"

using prune::TrainOptions;
using prune::TrainResult;
using torch::Tensor;

namespace {

using Setting = support::TinyTraining;

/// The tensors after one plain SGD step over all images, with options that a case sets.
eval::Weights after_one_step(const Setting& setting, const std::function<void(TrainOptions&)>& set) {
  prune::TrainTask task = setting.task(1);
  task.options.batch = 64;
  task.options.optimizer = {.lr = 0.5, .momentum = 0, .weight_decay = 0, .nesterov = false};
  set(task.options);
  eval::Net net = setting.fresh();
  prune::train(net, task);
  return net.weights();
}

double largest_difference(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

eval::NetSpec without_norm() {
  eval::NetBuilder net("plain", {1, 8, 8});
  const int x = net.relu("relu", net.convolution("conv", net.input(), 8, {3, 1, 1}));
  net.linear("fc", net.flatten("flatten", net.adaptive_average_pool("global", x, 1)), 4);
  return std::move(net).build();
}

}  // namespace

TEST_CASE("decay acts on weights, and on norms and biases only where all is asked") {
  const Setting setting;
  const eval::Weights start = setting.fresh().weights();
  const eval::Weights none = after_one_step(setting, [](TrainOptions&) {});
  const eval::Weights weights = after_one_step(setting, [](TrainOptions& o) { o.optimizer.weight_decay = 0.1; });
  const eval::Weights all = after_one_step(setting, [](TrainOptions& o) {
    o.optimizer.weight_decay = 0.1;
    o.optimizer.decay = "all";
  });
  // A step takes lr * decay = 0.05 of the tensor more.
  CHECK(largest_difference(weights.at("conv1.weight"), none.at("conv1.weight") - 0.05 * start.at("conv1.weight")) < 1e-6);
  CHECK(largest_difference(weights.at("bn1.weight"), none.at("bn1.weight")) == 0);
  CHECK(largest_difference(all.at("bn1.weight"), none.at("bn1.weight") - 0.05 * start.at("bn1.weight")) < 1e-6);
}

TEST_CASE("the body's rate is a factor of the head's") {
  const Setting setting;
  const eval::Weights start = setting.fresh().weights();
  const eval::Weights plain = after_one_step(setting, [](TrainOptions&) {});
  const eval::Weights slow = after_one_step(setting, [](TrainOptions& o) { o.body_lr_factor = 0.1; });
  CHECK(largest_difference(slow.at("fc.weight"), plain.at("fc.weight")) == 0);
  const Tensor moved = plain.at("conv2.weight") - start.at("conv2.weight");
  CHECK(largest_difference(slow.at("conv2.weight"), start.at("conv2.weight") + 0.1 * moved) < 1e-6);
  CHECK(moved.abs().max().item<double>() > 1e-4);
}

TEST_CASE("the penalty on batch norm's scales moves each towards 0 by lr times it") {
  const Setting setting;
  const eval::Weights plain = after_one_step(setting, [](TrainOptions&) {});
  const eval::Weights pushed = after_one_step(setting, [](TrainOptions& o) { o.bn_l1 = 0.01; });
  CHECK(largest_difference(pushed.at("bn2.weight"), plain.at("bn2.weight") - 0.005) < 1e-6);  // all scales start at 1
  CHECK(largest_difference(pushed.at("conv2.weight"), plain.at("conv2.weight")) == 0);
}

TEST_CASE("micro-batches add up to the batch, class weights and mixing included") {
  at::set_num_threads(1);
  Setting setting;
  setting.spec = without_norm();
  for (int i = 0; i < 8; ++i) setting.data.add(eval::Split::train, 0, std::vector<std::uint8_t>(64, 90));  // 24, 16, 16, 16
  const auto with = [&](int micro_batch) {
    return after_one_step(setting, [&](TrainOptions& o) {
      o.batch = 72;
      o.class_weights = "balanced";
      o.mixup = 0.4;
      o.label_smoothing = 0.1;
      o.micro_batch = micro_batch;
    });
  };
  const eval::Weights whole = with(0), parts = with(7);
  CHECK(largest_difference(whole.at("conv.weight"), parts.at("conv.weight")) < 1e-6);
  CHECK(largest_difference(whole.at("fc.weight"), parts.at("fc.weight")) < 1e-6);
}

TEST_CASE("CutMix replaces a box by another image's, and shares the labels by its area") {
  const Tensor images = torch::arange(6).view({6, 1, 1, 1}).expand({6, 1, 8, 8}).to(torch::kFloat32).contiguous();
  const Tensor labels = torch::arange(6);
  TrainOptions options;
  options.cutmix = 1;
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    const prune::MixedBatch mixed = prune::mix(images, labels, options, seed);
    for (std::int64_t i = 0; i < 6; ++i) {
      const std::int64_t other = mixed.other_labels[i].item<std::int64_t>();
      const double own = (mixed.images[i] == static_cast<double>(i)).to(torch::kFloat64).mean().item<double>();
      CHECK(own == Approx(other == i ? 1 : mixed.share));
      CHECK(((mixed.images[i] == static_cast<double>(i)) | (mixed.images[i] == static_cast<double>(other))).all().item<bool>());
    }
  }
}

TEST_CASE("of epochs that are equally accurate the one of the least loss is kept, and of equals the first") {
  Setting setting;
  setting.spec = without_norm();
  prune::TrainTask task = setting.task(3);
  task.options.optimizer.lr = 0;
  eval::Net net = setting.fresh();
  CHECK(prune::train(net, task).best_epoch == 1);
}

TEST_CASE("one large loss comes back; fifty in a row are given up") {
  Setting setting;
  setting.spec = without_norm();
  prune::TrainTask task = setting.task(4);  // 4 batches each
  task.options.optimizer.lr = 0;
  const auto huge = [&] {
    eval::Net net = setting.fresh();
    torch::NoGradGuard no_grad;
    net.weights().at("fc.weight").mul_(1e7);
    return net;
  };
  eval::Net few = huge(), many = huge();
  CHECK(prune::train(few, task).end == TrainResult::End::done);
  task.options.epochs = 13;
  const TrainResult result = prune::train(many, task);
  CHECK(result.end == TrainResult::End::diverged);
  CHECK_THAT(result.reason, Catch::Contains("epoch 13, batch 3"));  // the 51st
}

TEST_CASE("a validation loss that is not finite outlives a stop") {
  at::set_num_threads(1);
  Setting setting;
  setting.spec = without_norm();
  const support::TemporaryDirectory directory;
  // Only the validation images meet the enormous weight: training images are black in that corner.
  support::TinyData data({1, 8, 8}, 4);
  for (const eval::Split split : {eval::Split::train, eval::Split::validation})
    for (const std::int64_t image : setting.data.split(split)) {
      std::vector<std::uint8_t> pixels(setting.data.pixels(image).begin(), setting.data.pixels(image).end());
      pixels[0] = split == eval::Split::train ? 0 : 255;
      data.add(split, setting.data.labels()[image], pixels);
    }
  eval::NetBuilder builder("corner", {1, 8, 8});
  builder.linear("fc", builder.flatten("flatten", builder.input()), 4);
  setting.spec = std::move(builder).build();
  const eval::Normalisation plain{{0}, {1}};
  prune::TrainTask task{data, plain};
  task.options = {.epochs = 2, .batch = 16, .optimizer = {.lr = 0.01, .weight_decay = 0}};
  task.checkpoint = directory.path() / "run.pt";
  std::atomic<bool> stop{false};
  task.stop = &stop;
  task.progress = [&](double fraction, const std::string&) { stop = fraction >= 0.5; };
  const auto net = [&] {
    eval::Net made = setting.fresh();
    torch::NoGradGuard no_grad;
    made.weights().at("fc.weight")[0][0] = std::numeric_limits<float>::max();
    made.weights().at("fc.weight")[1][0] = -std::numeric_limits<float>::max();
    return made;
  };
  eval::Net stopped = net(), resumed = net();
  const TrainResult first = prune::train(stopped, task);
  REQUIRE(first.end == TrainResult::End::interrupted);
  REQUIRE_FALSE(std::isfinite(first.history.at(0).val_loss));
  stop = false;
  task.progress = nullptr;
  const TrainResult result = prune::train(resumed, task);
  CHECK(result.history.size() == 2);
  CHECK(result.images == std::ssize(data.split(eval::Split::train)));  // the second epoch alone
}

TEST_CASE("a batch in which batch norm would see one value a channel is refused") {
  eval::NetBuilder builder("single", {1, 8, 8});
  const int x = builder.batch_norm("bn", builder.convolution("conv", builder.input(), 4, {8, 1, 0}, false));
  builder.linear("fc", builder.flatten("flatten", x), 4);
  Setting setting;
  setting.spec = std::move(builder).build();
  prune::TrainTask task = setting.task(1);
  task.options.batch = 1;
  eval::Net net = setting.fresh();
  CHECK_THROWS_WITH(prune::train(net, task), Catch::Contains("batch norm bn would see one value a channel"));
  task.options.batch = 2;
  CHECK(prune::train(net, task).end == TrainResult::End::done);
}
