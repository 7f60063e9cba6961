// All that a search does with tensors, on a GPU where there is one, and on the processor by the same lines: what they claim is right there.
#include <catch2/catch.hpp>

#include "eval/accuracy.h"
#include "eval/attacks/catalog.h"
#include "eval/device.h"
#include "eval/formats/onnx.h"
#include "eval/latency.h"
#include "eval/precision.h"
#include "eval/robustness.h"
#include "prune/criteria/catalog.h"
#include "prune/criteria/criterion.h"
#include "prune/refit.h"
#include "prune/surgery.h"
#include "prune/train.h"
#include "support/need_gpu.h"
#include "support/temporary_directory.h"
#include "support/tiny_data.h"
#include "tests/support/random_mask.h"
#include "tests/support/tiny_nets.h"

using torch::Tensor;

namespace {

/// The weights of both nets agree, element by element, to `tolerance` of each tensor's largest.
void check_close(const eval::Weights& found, const eval::Weights& wanted, double tolerance) {
  REQUIRE(found.size() == wanted.size());
  for (const auto& [name, tensor] : wanted) {
    INFO(name);
    const Tensor difference = (found.at(name).cpu() - tensor.cpu()).abs();
    CHECK(difference.max().item<double>() <= tolerance * std::max(1e-3, tensor.abs().max().item<double>()));
  }
}

/// With its default options.
eval::Perturbation attack(const std::string& name) {
  return {
      .kind = "attack", .name = name, .options = storage::check_options(eval::attack_entry(name).options, storage::Json::object(), name)};
}

/// Every criterion's scores are those of the processor to a thousandth, and what is cut by them is the masked net.
void check_criteria(const eval::Net& net, const eval::Net& reference, const eval::Dataset& data, const eval::Normalisation& normalisation) {
  const prune::ChannelGroups groups = prune::channel_groups(net.spec());
  for (const prune::CriterionEntry& entry : prune::criterion_catalog()) {
    if (entry.unstructured) continue;
    INFO(entry.name);
    const auto criterion = prune::make_criterion(entry.name, storage::check_options(entry.options, storage::Json::object(), entry.name));
    const prune::Scores found = criterion->score({net, groups, &data, normalisation, 1}).scores;
    const prune::Scores wanted = criterion->score({reference, groups, &data, normalisation, 1}).scores;
    for (std::size_t g = 0; g < wanted.size(); ++g)
      for (std::size_t i = 0; i < wanted[g].size(); ++i) CHECK(found[g][i] == Approx(wanted[g][i]).epsilon(1e-3).margin(1e-6));
  }
}

void check_everything(torch::Device device) {
  const support::TinyData data = support::squares(4, 24);
  const eval::Normalisation normalisation = eval::measure_normalisation(data);
  eval::NetOptions options{.width = 0.125, .classes = 4, .input = data.shape(), .layout = eval::Layout::small};
  const eval::NetSpec spec = eval::make_net("resnet18", options);
  const eval::Weights start = eval::initial_weights(spec, 1);
  prune::TrainTask task{.data = data, .normalisation = normalisation, .options = {.epochs = 3, .batch = 24}};
  task.options.optimizer.lr = 0.05;
  task.options.augment = {"flip", "crop"};
  task.options.ema = 0.5;
  task.options.class_weights = "balanced";

  eval::Net net(spec, eval::clone(start), device), reference(spec, eval::clone(start));
  const prune::TrainResult trained = prune::train(net, task);
  CHECK(trained.end == prune::TrainResult::End::done);
  CHECK(trained.history.back().train_loss < trained.history.front().train_loss);
  reference.assign(eval::clone(eval::Net(spec, eval::clone(net.weights())).weights()));

  const auto test = data.split(eval::Split::test);
  CHECK(eval::evaluate(net, data, normalisation, test).accuracy == Approx(eval::evaluate(reference, data, normalisation, test).accuracy));
  check_criteria(net, reference, data, normalisation);

  std::mt19937_64 random(5);
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  const prune::KeepMask mask = support::random_mask(groups, random);
  const prune::Cut cut = prune::cut(spec, groups, net.weights(), mask), on_processor = prune::cut(spec, groups, reference.weights(), mask);
  check_close(cut.weights, on_processor.weights, 0);
  const Tensor images = torch::randn({3, 1, 8, 8}).to(device);
  {
    torch::NoGradGuard no_grad;
    const Tensor masked = net.forward(images, false, prune::masking_tap(groups, mask));
    const Tensor scores = eval::Net(cut.spec, eval::clone(cut.weights), device).forward(images, false);
    CHECK((scores - masked).abs().max().item<double>() <= 1e-5 * masked.abs().max().item<double>());
  }
  check_close(prune::refit(net, groups, mask, cut, data, normalisation, {.images = 48}).weights,
              prune::refit(reference, groups, mask, on_processor, data, normalisation, {.images = 48}).weights, 1e-2);

  eval::Net small(cut.spec, eval::clone(cut.weights), device);
  task.options.distill = prune::DistillOptions();
  task.teacher = &net;
  CHECK(prune::train(small, task).end == prune::TrainResult::End::done);

  const std::vector<std::int64_t> some = eval::robustness_images(data, 8, 1);
  const std::vector<eval::Perturbation> changes{
      {.kind = "noise", .name = "gaussian", .level = 0.1}, attack("fgsm"), attack("pgd"), attack("newtonfool")};
  CHECK(eval::measure_robustness(small, {}, data, normalisation, some, changes, 1).size() == changes.size());
  CHECK(eval::measure_latency(small, {2}, 0.01).latencies.at(0).p50_ms > 0);
  const support::TemporaryDirectory directory;
  eval::write_onnx(directory.path() / "net.onnx", small.spec(), small.weights());
  check_close(eval::read_onnx(directory.path() / "net.onnx").weights, small.weights(), 0);

  CHECK(eval::device_answers(device));
  eval::release_memory(device);
}

}  // namespace

TEST_CASE("a search's work on the processor") {
  check_everything(torch::kCPU);
}

TEST_CASE("a search's work on a GPU gives what the processor gives", "[gpu]") {
  support::need_gpu();
  eval::prepare_process(1);
  check_everything(torch::kCUDA);
}

TEST_CASE("each precision trains on a GPU", "[gpu]") {
  support::need_gpu();
  const support::TinyData data = support::squares(4, 24);
  const eval::Normalisation normalisation = eval::measure_normalisation(data);
  const eval::NetSpec spec = support::plain_net();
  for (const eval::Precision precision : {eval::Precision::fp32, eval::Precision::tf32, eval::Precision::fp16, eval::Precision::bf16}) {
    if (precision == eval::Precision::bf16 && !eval::has_bf16(torch::kCUDA)) continue;
    INFO(eval::to_string(precision));
    eval::Net net(spec, eval::initial_weights(spec, 1), torch::kCUDA);
    const prune::TrainResult result = prune::train(
        net, {.data = data, .normalisation = normalisation, .options = {.epochs = 3, .batch = 24}, .precision = precision, .seed = 1});
    CHECK(result.end == prune::TrainResult::End::done);
    CHECK(result.history.back().train_loss < result.history.front().train_loss);
  }
}

TEST_CASE("batches come from a GPU's memory with the numbers that the processor has", "[gpu]") {
  support::need_gpu();
  const support::TinyData data = support::squares(3, 20);
  const eval::Normalisation normalisation = eval::measure_normalisation(data);
  const std::vector<std::int64_t> order = eval::shuffled(data.split(eval::Split::train), 2);
  const eval::Augmentation augmentation{.flip = true, .padding = 2};
  eval::BatchLoader here(data, normalisation, order, {.batch = 7, .augmentation = augmentation, .seed = 3});
  eval::BatchLoader there(data, normalisation, order, {.batch = 7, .augmentation = augmentation, .seed = 3, .device = torch::kCUDA});
  while (const std::optional<eval::Batch> wanted = here.next()) {
    const std::optional<eval::Batch> found = there.next();
    REQUIRE(found);
    CHECK(found->images.is_cuda());
    CHECK(torch::equal(found->images.cpu(), wanted->images));
    CHECK(torch::equal(found->labels.cpu(), wanted->labels));
  }
}
