#include "prune/optimizer.h"

#include <ATen/Parallel.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <torch/serialize.h>

#include <catch2/catch.hpp>
#include <sstream>

#include "support/need_gpu.h"
#include "support/tiny_nets.h"

using prune::Optimizer;
using prune::OptimizerOptions;
using torch::Tensor;

namespace {

constexpr double body_lr_factor = 0.25;
const std::string without_gradient = "bn1.bias";

eval::Net fresh_net(torch::Device device = torch::kCPU) {
  const eval::NetSpec spec = support::plain_net();
  return {spec, eval::initial_weights(spec, 1), device};
}

std::unique_ptr<torch::optim::OptimizerOptions> libtorch_options(const OptimizerOptions& options, double lr, double weight_decay) {
  if (options.name == "adamw")
    return std::make_unique<torch::optim::AdamWOptions>(
        torch::optim::AdamWOptions(lr).betas({options.beta1, options.beta2}).weight_decay(weight_decay));
  return std::make_unique<torch::optim::SGDOptions>(
      torch::optim::SGDOptions(lr).momentum(options.momentum).weight_decay(weight_decay).nesterov(options.nesterov));
}

/// LibTorch's own optimiser, each tensor in a group by itself: the head is fc, and what has more than one dimension decays.
class LibTorch {
 public:
  LibTorch(const OptimizerOptions& options, const eval::Net& net) : weights_(eval::clone(net.weights())) {
    std::vector<torch::optim::OptimizerParamGroup> groups;
    for (auto& [name, tensor] : weights_) {
      if (name.find(".running_") != std::string::npos) continue;
      factors_.push_back(name.substr(0, 3) == "fc." ? 1 : body_lr_factor);
      const bool decays = options.decay == "all" || tensor.dim() > 1;
      groups.emplace_back(std::vector<Tensor>{tensor}, libtorch_options(options, options.lr, decays ? options.weight_decay : 0));
    }
    if (options.name == "adamw")
      optimizer_ = std::make_unique<torch::optim::AdamW>(groups);
    else
      optimizer_ = std::make_unique<torch::optim::SGD>(groups, torch::optim::SGDOptions(options.lr));
  }

  const eval::Weights& weights() const { return weights_; }
  void set_lr(double lr) {
    for (std::size_t i = 0; i < factors_.size(); ++i) optimizer_->param_groups()[i].options().set_lr(lr * factors_[i]);
  }
  void step() { optimizer_->step(); }

 private:
  eval::Weights weights_;
  std::vector<double> factors_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
};

/// An optimiser that goes on where another stopped.
Optimizer reloaded(const Optimizer& from, const OptimizerOptions& options, const eval::Net& net) {
  torch::serialize::OutputArchive out;
  from.save(out);
  std::stringstream stream;
  out.save_to(stream);
  torch::serialize::InputArchive in;
  in.load_from(stream);
  Optimizer optimizer(options, body_lr_factor, net);
  optimizer.load(in);
  return optimizer;
}

/// Twenty steps by random gradients on the device, with a reload in the middle, leave the weights that LibTorch's optimiser leaves on the
/// processor: the same bits there, close ones elsewhere.
void check_against_libtorch(const OptimizerOptions& options, torch::Device device) {
  const eval::Net net = fresh_net(device);
  LibTorch reference(options, fresh_net());
  Optimizer optimizer(options, body_lr_factor, net);
  torch::manual_seed(7);
  for (int step = 0; step < 20; ++step) {
    if (step == 10) optimizer = reloaded(optimizer, options, net);
    for (const auto& [name, tensor] : reference.weights()) {
      if (name.find(".running_") != std::string::npos || name == without_gradient) continue;
      const Tensor gradient = at::randn_like(tensor);
      Tensor(net.weights().at(name)).mutable_grad() = gradient.clone().to(device);
      Tensor(tensor).mutable_grad() = gradient;
    }
    const double lr = options.lr / (1 + step);
    optimizer.set_lr(lr);
    reference.set_lr(lr);
    optimizer.step();
    reference.step();
  }
  const eval::Weights start = fresh_net().weights();
  for (const auto& [name, wanted] : reference.weights()) {
    INFO(options.name << " " << options.momentum << " " << options.nesterov << " " << options.decay << " " << name);
    const Tensor found = net.weights().at(name).cpu();
    CHECK((device.is_cpu() ? found.equal(wanted) : found.allclose(wanted, 1e-4, 1e-5)));
    const bool stays = name.find(".running_") != std::string::npos || name == without_gradient;
    CHECK(found.equal(start.at(name)) == stays);
  }
}

void check_all_against_libtorch(torch::Device device) {
  for (const std::string decay : {"weights", "all"})
    for (const double weight_decay : {0.0, 0.05}) {
      const OptimizerOptions sgd{.lr = 0.1, .momentum = 0, .weight_decay = weight_decay, .nesterov = false, .decay = decay};
      OptimizerOptions momentum = sgd;
      momentum.momentum = 0.9;
      OptimizerOptions nesterov = momentum;
      nesterov.nesterov = true;
      for (const OptimizerOptions& options : {sgd, momentum, nesterov}) check_against_libtorch(options, device);
      check_against_libtorch({.name = "adamw", .lr = 0.01, .weight_decay = weight_decay, .decay = decay, .beta1 = 0.8, .beta2 = 0.95},
                             device);
    }
}

}  // namespace

TEST_CASE("steps leave the bits that LibTorch's optimisers leave") {
  at::set_num_threads(1);
  check_all_against_libtorch(torch::kCPU);
}

TEST_CASE("steps on a GPU leave what LibTorch's optimisers leave on the processor", "[gpu]") {
  support::need_gpu();
  check_all_against_libtorch(torch::kCUDA);
}

TEST_CASE("an optimiser refuses the state of another kind") {
  const eval::Net net = fresh_net();
  const OptimizerOptions sgd{}, adamw{.name = "adamw"};
  CHECK_THROWS_AS(reloaded(Optimizer(sgd, body_lr_factor, net), adamw, net), c10::Error);
  CHECK_THROWS_AS(reloaded(Optimizer(adamw, body_lr_factor, net), sgd, net), c10::Error);
  CHECK_NOTHROW(reloaded(Optimizer(adamw, body_lr_factor, net), adamw, net));
}
