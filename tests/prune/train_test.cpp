#include "prune/train.h"

#include <ATen/Parallel.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "storage/base/file.h"
#include "support/temporary_directory.h"
#include "support/tiny_training.h"

using prune::TrainResult;

namespace {

using Setting = support::TinyTraining;

/// With crops, which a resumed run must repeat.
prune::TrainTask cropped(const Setting& setting, int epochs) {
  prune::TrainTask task = setting.task(epochs);
  task.options.augment = {"crop"};
  task.options.padding = 1;
  return task;
}

bool equal(const eval::Net& a, const eval::Net& b) {
  return std::all_of(a.weights().begin(), a.weights().end(),
                     [&](const auto& entry) { return entry.second.equal(b.weights().at(entry.first)); });
}

}  // namespace

TEST_CASE("training learns what can be learned, and repeats its bits") {
  at::set_num_threads(1);
  const Setting setting;
  eval::Net net = setting.fresh(), again = setting.fresh();
  const TrainResult result = prune::train(net, cropped(setting, 20));
  CHECK(result.end == TrainResult::End::done);
  REQUIRE(result.history.size() == 20);
  CHECK(result.history.back().val_accuracy > 0.9);  // four places; guessing gives 0.25
  prune::train(again, cropped(setting, 20));
  CHECK(equal(net, again));
}

TEST_CASE("a run that was stopped goes on from its checkpoint to the same bits") {
  at::set_num_threads(1);
  const Setting setting;
  const support::TemporaryDirectory directory;
  eval::Net undisturbed = setting.fresh(), stopped = setting.fresh(), resumed = setting.fresh();
  const TrainResult whole = prune::train(undisturbed, cropped(setting, 4));

  prune::TrainTask task = cropped(setting, 4);
  task.checkpoint = directory.path() / "run.pt";
  std::atomic<bool> stop{false};
  task.stop = &stop;
  int calls = 0;
  task.progress = [&](double fraction, const std::string&) { stop = fraction >= 0.5 && ++calls > 0; };
  CHECK(prune::train(stopped, task).end == TrainResult::End::interrupted);
  stop = false;
  task.progress = nullptr;
  const TrainResult rest = prune::train(resumed, task);
  CHECK(rest.end == TrainResult::End::done);
  CHECK(rest.images == 2 * 64);  // two epochs were left
  CHECK(rest.history.size() == 4);
  CHECK(rest.history[0].train_loss == whole.history[0].train_loss);
  CHECK(rest.history[3].train_loss == whole.history[3].train_loss);
  CHECK(equal(undisturbed, resumed));
}

TEST_CASE("a run that ends early on purpose goes on to the bits of one that does not") {
  at::set_num_threads(1);
  const Setting setting;
  const support::TemporaryDirectory directory;
  eval::Net whole = setting.fresh(), first = setting.fresh(), rest = setting.fresh();
  const TrainResult all = prune::train(whole, cropped(setting, 4));

  prune::TrainTask task = cropped(setting, 4);
  task.checkpoint = directory.path() / "run.pt";
  task.options.stop_after = 3;
  const TrainResult early = prune::train(first, task);
  CHECK(early.end == TrainResult::End::done);
  REQUIRE(early.history.size() == 3);
  CHECK(early.history[2].lr == all.history[2].lr);  // the course over all four epochs
  task.options.stop_after = 0;
  const TrainResult late = prune::train(rest, task);
  CHECK(late.images == 64);
  REQUIRE(late.history.size() == 4);
  CHECK(late.history[3].train_loss == all.history[3].train_loss);
  CHECK(late.history[3].val_loss == all.history[3].val_loss);
  CHECK(equal(rest, whole));
}

TEST_CASE("a damaged checkpoint means a new start, not a failure") {
  const Setting setting;
  const support::TemporaryDirectory directory;
  prune::TrainTask task = cropped(setting, 1);
  task.checkpoint = directory.path() / "run.pt";
  storage::write_file(task.checkpoint, "PK\3\4 not an archive");
  eval::Net net = setting.fresh(), clean = setting.fresh();
  CHECK(prune::train(net, task).end == TrainResult::End::done);
  prune::train(clean, cropped(setting, 1));
  CHECK(equal(net, clean));
}

TEST_CASE("a divergence ends with its place") {
  const Setting setting;
  prune::TrainTask task = cropped(setting, 3);
  task.options.optimizer.lr = 1e20;
  eval::Net net = setting.fresh();
  const TrainResult result = prune::train(net, task);
  CHECK(result.end == TrainResult::End::diverged);
  CHECK_THAT(result.reason, Catch::Contains("epoch 1"));
}

TEST_CASE("the net left behind is that of the best validation epoch") {
  const Setting setting;
  prune::TrainTask task = cropped(setting, 5);
  eval::Net net = setting.fresh();
  const TrainResult result = prune::train(net, task);
  double best = 0;
  for (const prune::Epoch& epoch : result.history) best = std::max(best, epoch.val_accuracy);
  CHECK(result.history.at(result.best_epoch - 1).val_accuracy == best);
}

TEST_CASE("a net that is better as it was given than after any epoch is kept") {
  const Setting setting;
  eval::Net net = setting.fresh();
  prune::train(net, cropped(setting, 5));
  const eval::Weights given = eval::clone(net.weights());
  prune::TrainTask task = cropped(setting, 2);
  task.options.optimizer.lr = 0;  // changes nothing but the running statistics
  task.start = prune::Epoch{.val_accuracy = 2, .val_loss = 0.125};
  const TrainResult kept = prune::train(net, task);
  CHECK(kept.best_epoch == 0);
  CHECK(kept.best.val_loss == 0.125);
  CHECK(kept.history.size() == 2);
  for (const auto& [name, tensor] : given) CHECK(tensor.equal(net.weights().at(name)));
  task.start = prune::Epoch{.val_accuracy = 0};
  const TrainResult trained = prune::train(net, task);
  CHECK(trained.best_epoch > 0);
  CHECK(trained.best.val_accuracy == trained.history.at(trained.best_epoch - 1).val_accuracy);
}

TEST_CASE("the net as it was given is still the best after a resume") {
  const Setting setting;
  const support::TemporaryDirectory directory;
  eval::Net net = setting.fresh();
  prune::TrainTask task = cropped(setting, 3);
  task.checkpoint = directory.path() / "c.pt";
  task.start = prune::Epoch{.val_accuracy = 2};
  const eval::Weights given = eval::clone(net.weights());
  task.options.stop_after = 1;
  prune::train(net, task);
  task.options.stop_after = 0;
  task.start.reset();  // the checkpoint knows
  eval::Net resumed = setting.fresh(9);
  CHECK(prune::train(resumed, task).best_epoch == 0);
  for (const auto& [name, tensor] : given) CHECK(tensor.equal(resumed.weights().at(name)));
}

TEST_CASE("learning rate factors by hand") {
  prune::TrainOptions options;
  CHECK(prune::lr_factor(options, 0, 100, 0) == Approx(1));
  CHECK(prune::lr_factor(options, 50, 100, 0) == Approx(0.5));
  CHECK(prune::lr_factor(options, 100, 100, 0) == Approx(0).margin(1e-12));
  CHECK(prune::lr_factor(options, 0, 100, 4) == Approx(0.2));
  CHECK(prune::lr_factor(options, 3, 100, 4) == Approx(0.8));
  CHECK(prune::lr_factor(options, 4, 100, 4) == Approx(1));
  options.lr_schedule = "constant";
  CHECK(prune::lr_factor(options, 99, 100, 0) == 1);
}

TEST_CASE("the learning rate of a base so many epochs before its end, by hand") {
  prune::TrainOptions base;  // ten epochs, cosine, no warm-up
  base.optimizer.lr = 0.1;
  CHECK(prune::rate_before_end(base, 5) == Approx(0.05));
  CHECK(prune::rate_before_end(base, 2) == Approx(0.0095491503));  // 0.05 (1 + cos 0.8 pi)
  CHECK(prune::rate_before_end(base, 10) == Approx(0.1));
  CHECK(prune::rate_before_end(base, 40) == Approx(0.1));
  base.warmup = 2;
  CHECK(prune::rate_before_end(base, 5) == Approx(0.0691341716));  // 0.05 (1 + cos 3/8 pi)
  CHECK(prune::rate_before_end(base, 9) == Approx(0.1));           // while it warmed up
  base.lr_schedule = "step";
  base.lr_every = 4;
  CHECK(prune::rate_before_end(base, 3) == Approx(0.01));  // epoch 7, after one step of two
  base.lr_schedule = "constant";
  CHECK(prune::rate_before_end(base, 1) == 0.1);
}

TEST_CASE("bf16 keeps fp32 master weights and learns too") {
  const Setting setting;
  prune::TrainTask task = cropped(setting, 20);
  task.precision = eval::Precision::bf16;
  eval::Net net = setting.fresh();
  CHECK(prune::train(net, task).history.back().val_accuracy > 0.9);
  for (const auto& [name, tensor] : net.weights()) CHECK(tensor.scalar_type() == torch::kFloat32);
}

TEST_CASE("a checkpoint of a net that was made in another way is not gone on from") {
  const Setting setting;
  const support::TemporaryDirectory directory;
  prune::TrainTask task = cropped(setting, 2);
  task.checkpoint = directory.path() / "c.pt";
  task.from = "a";
  task.options.stop_after = 1;
  eval::Net net = setting.fresh(), other = setting.fresh(), same = setting.fresh();
  prune::train(net, task);
  task.options.stop_after = 0;
  std::filesystem::copy_file(task.checkpoint, directory.path() / "kept.pt");
  task.from = "b";
  const std::int64_t all = prune::train(other, task).images;
  std::filesystem::copy_file(directory.path() / "kept.pt", task.checkpoint, std::filesystem::copy_options::overwrite_existing);
  task.from = "a";
  CHECK(all == 2 * prune::train(same, task).images);
}
