#include "prune/optimizer.h"

#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <map>
#include <utility>

namespace prune {

namespace {

/// The parameters by (factor of the learning rate, whether they decay).
std::map<std::pair<double, bool>, std::vector<torch::Tensor>> grouped(const OptimizerOptions& options, double body_lr_factor,
                                                                      const eval::Net& net) {
  const std::string& head = net.spec().layers[eval::decision_layer(net.spec())].name;
  std::map<std::pair<double, bool>, std::vector<torch::Tensor>> groups;
  for (const auto& [name, tensor] : net.weights()) {
    if (name.find(".running_") != std::string::npos) continue;
    const bool is_head = name.substr(0, name.rfind('.')) == head;
    groups[{is_head ? 1 : body_lr_factor, options.decay == "all" || tensor.dim() > 1}].push_back(tensor);
  }
  return groups;
}

std::unique_ptr<torch::optim::OptimizerOptions> options_of(const OptimizerOptions& options, bool decays) {
  const double weight_decay = decays ? options.weight_decay : 0;
  if (options.name == "adamw")
    return std::make_unique<torch::optim::AdamWOptions>(
        torch::optim::AdamWOptions(options.lr).betas({options.beta1, options.beta2}).weight_decay(weight_decay));
  return std::make_unique<torch::optim::SGDOptions>(torch::optim::SGDOptions(options.lr)
                                                        .momentum(options.momentum)
                                                        .weight_decay(weight_decay)
                                                        .nesterov(options.nesterov && options.momentum > 0));
}

}  // namespace

Optimizer::Optimizer(const OptimizerOptions& options, double body_lr_factor, const eval::Net& net) {
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (auto& [key, parameters] : grouped(options, body_lr_factor, net)) {
    groups.emplace_back(parameters, options_of(options, key.second));
    lr_factors_.push_back(key.first);
  }
  if (options.name == "adamw")
    torch_ = std::make_unique<torch::optim::AdamW>(groups, torch::optim::AdamWOptions(options.lr));
  else
    torch_ = std::make_unique<torch::optim::SGD>(groups, torch::optim::SGDOptions(options.lr));
}

void Optimizer::set_lr(double lr) {
  for (std::size_t i = 0; i < lr_factors_.size(); ++i) torch_->param_groups()[i].options().set_lr(lr * lr_factors_[i]);
}

}  // namespace prune
