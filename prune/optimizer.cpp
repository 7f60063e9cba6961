#include "prune/optimizer.h"

#include <torch/serialize.h>

#include <cmath>
#include <map>
#include <string>
#include <utility>

namespace prune {

using torch::Tensor;

namespace {

constexpr double epsilon = 1e-8;  // of adamw

/// The parameters by (factor of the learning rate, whether they decay).
std::map<std::pair<double, bool>, std::vector<Tensor>> grouped(const OptimizerOptions& options, double body_lr_factor,
                                                               const eval::Net& net) {
  const std::string& head = net.spec().layers[eval::decision_layer(net.spec())].name;
  std::map<std::pair<double, bool>, std::vector<Tensor>> groups;
  for (const auto& [name, tensor] : net.weights()) {
    if (name.find(".running_") != std::string::npos) continue;
    const bool is_head = name.substr(0, name.rfind('.')) == head;
    groups[{is_head ? 1 : body_lr_factor, options.decay == "all" || tensor.dim() > 1}].push_back(tensor);
  }
  return groups;
}

std::vector<Tensor> zeros_like(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> zeros;
  for (const Tensor& tensor : tensors) zeros.push_back(at::zeros_like(tensor.detach()));
  return zeros;
}

std::string key_of(const std::string& name, std::size_t group, std::size_t tensor) {
  return name + "/" + std::to_string(group) + "/" + std::to_string(tensor);
}

void write_list(torch::serialize::OutputArchive& archive, const std::string& name, std::size_t group, const std::vector<Tensor>& tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) archive.write(key_of(name, group, i), tensors[i].contiguous(), /*is_buffer=*/true);
}

std::vector<Tensor> read_list(torch::serialize::InputArchive& archive, const std::string& name, std::size_t group,
                              const std::vector<Tensor>& like) {
  std::vector<Tensor> tensors(like.size());
  for (std::size_t i = 0; i < like.size(); ++i) {
    archive.read(key_of(name, group, i), tensors[i], /*is_buffer=*/true);
    TORCH_CHECK(tensors[i].sizes() == like[i].sizes(), "size of ", key_of(name, group, i));
    tensors[i] = at::empty_like(like[i]).copy_(tensors[i]);  // on the device and in the order of the parameter
  }
  return tensors;
}

}  // namespace

Optimizer::Optimizer(const OptimizerOptions& options, double body_lr_factor, const eval::Net& net) : options_(options), lr_(options.lr) {
  const bool is_adamw = options.name == "adamw";
  for (auto& [key, parameters] : grouped(options, body_lr_factor, net)) {
    Group group{.lr_factor = key.first, .weight_decay = key.second ? options.weight_decay : 0, .tensors = {.parameters = parameters}};
    if (is_adamw || options.momentum > 0) group.tensors.averages = zeros_like(parameters);
    if (is_adamw) group.tensors.squares = zeros_like(parameters);
    groups_.push_back(std::move(group));
  }
}

void Optimizer::step() {
  torch::NoGradGuard no_grad;
  ++steps_;
  for (const Group& group : groups_) {
    Tensors moved;
    for (std::size_t i = 0; i < group.tensors.parameters.size(); ++i) {
      const Tensor& parameter = group.tensors.parameters[i];
      if (!parameter.grad().defined()) continue;
      moved.parameters.push_back(parameter);
      moved.gradients.push_back(parameter.grad());
      if (!group.tensors.averages.empty()) moved.averages.push_back(group.tensors.averages[i]);
      if (!group.tensors.squares.empty()) moved.squares.push_back(group.tensors.squares[i]);
      if (parameter.is_cpu()) move(group, std::exchange(moved, {}));  // one by one, each in the cache from operation to operation
    }
    if (!moved.parameters.empty()) move(group, moved);
  }
}

void Optimizer::move(const Group& group, const Tensors& tensors) const {
  const double lr = lr_ * group.lr_factor;
  if (options_.name == "adamw")
    move_by_adamw(tensors, lr, group.weight_decay);
  else
    move_by_sgd(tensors, lr, group.weight_decay);
}

void Optimizer::move_by_sgd(const Tensors& t, double lr, double weight_decay) const {
  if (weight_decay != 0) at::_foreach_add_(t.gradients, t.parameters, weight_decay);
  if (options_.momentum == 0) return at::_foreach_add_(t.parameters, t.gradients, -lr);
  at::_foreach_mul_(t.averages, options_.momentum);
  at::_foreach_add_(t.averages, t.gradients, 1);
  if (!options_.nesterov) return at::_foreach_add_(t.parameters, t.averages, -lr);
  at::_foreach_add_(t.gradients, t.averages, options_.momentum);
  at::_foreach_add_(t.parameters, t.gradients, -lr);
}

void Optimizer::move_by_adamw(const Tensors& t, double lr, double weight_decay) const {
  const double beta1 = options_.beta1, beta2 = options_.beta2, steps = static_cast<double>(steps_);
  if (weight_decay != 0) at::_foreach_mul_(t.parameters, 1 - lr * weight_decay);
  at::_foreach_mul_(t.averages, beta1);
  at::_foreach_add_(t.averages, t.gradients, 1 - beta1);
  at::_foreach_mul_(t.squares, beta2);
  at::_foreach_addcmul_(t.squares, t.gradients, t.gradients, 1 - beta2);
  const std::vector<Tensor> sizes = at::_foreach_sqrt(t.squares);
  at::_foreach_div_(sizes, std::sqrt(1 - std::pow(beta2, steps)));
  at::_foreach_add_(sizes, epsilon);
  at::_foreach_addcdiv_(t.parameters, t.averages, sizes, -(lr / (1 - std::pow(beta1, steps))));
}

void Optimizer::save(torch::serialize::OutputArchive& archive) const {
  archive.write("name", c10::IValue(options_.name));
  archive.write("steps", c10::IValue(steps_));
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    write_list(archive, "averages", g, groups_[g].tensors.averages);
    write_list(archive, "squares", g, groups_[g].tensors.squares);
  }
}

void Optimizer::load(torch::serialize::InputArchive& archive) {
  c10::IValue name, steps;
  archive.read("name", name);
  archive.read("steps", steps);
  TORCH_CHECK(name.toStringRef() == options_.name, "state of ", name.toStringRef(), " for ", options_.name);
  std::vector<Group> groups = groups_;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    groups[g].tensors.averages = read_list(archive, "averages", g, groups_[g].tensors.averages);
    groups[g].tensors.squares = read_list(archive, "squares", g, groups_[g].tensors.squares);
  }
  groups_ = std::move(groups);
  steps_ = steps.toInt();
}

}  // namespace prune
