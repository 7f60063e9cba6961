#include "eval/gradient_check.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>

#include "eval/device.h"

namespace eval {

namespace {

/// Images that gradients are compared on; that they are finite is seen on the whole batch.
constexpr std::int64_t kCompared = 32;

/// How much further from fp32's gradients than rounding alone leads they may be. Where all is right, the registry's nets come to 0.95
/// to 1.2, whole and cut, and the smallest nets of the tests to 2.
constexpr double kTimesRounding = 3;

/// By tensor, of the loss over one batch. `tap`: on the way.
Weights gradients(const Net& net, const torch::Tensor& images, const torch::Tensor& labels, Precision precision, const Tap& tap = nullptr) {
  Net copy(net.spec(), clone(net.weights()), net.device());
  copy.require_gradients(true);
  torch::manual_seed(1);  // dropout
  torch::Tensor scores;
  {
    const PrecisionScope autocast(precision, net.device());
    scores = copy.forward(images, /*training=*/true, tap);
  }
  at::cross_entropy_loss(scores.to(torch::kFloat32), labels).backward();
  Weights result;
  for (const auto& [name, tensor] : copy.weights())
    if (tensor.grad().defined()) result[name] = tensor.grad();
  return result;
}

/// Between two sets of gradients, in Euclid's sense.
double distance(const Weights& a, const Weights& b) {
  double squares = 0;
  for (const auto& [name, tensor] : a) squares += (tensor - b.at(name)).to(torch::kFloat64).square().sum().item<double>();
  return std::sqrt(squares);
}

/// fp32 throughout, but with weights, activations and what flows back through them rounded as `type` rounds.
Weights rounded_gradients(const Net& net, const torch::Tensor& images, const torch::Tensor& labels, at::ScalarType type) {
  const auto rounded = [type](const torch::Tensor& tensor) { return tensor.to(type).to(torch::kFloat32); };
  Weights weights = net.weights();
  for (auto& [name, tensor] : weights)
    if (tensor.dim() > 1) tensor = rounded(tensor);
  return gradients(Net(net.spec(), weights, net.device()), images, labels, Precision::fp32,
                   [&](int, const torch::Tensor& output) { return rounded(output); });
}

}  // namespace

PoisonedMemory::PoisonedMemory(torch::Device device) : device_(device) {
  if (device.is_cpu()) {
    mallopt(M_PERTURB, 0x100);  // glibc fills with the complement of its lowest byte: every float is NaN
    return;
  }
  try {  // each is freed at once: the allocator keeps it for what comes
    for (std::int64_t size = std::int64_t{1} << 18; size <= std::int64_t{1} << 24; size *= 2)
      torch::full({size}, std::numeric_limits<float>::quiet_NaN(), torch::TensorOptions(device));
  } catch (const std::exception& error) {
    if (!is_out_of_memory(error)) throw;
  }
}

PoisonedMemory::~PoisonedMemory() {
  if (device_.is_cpu()) {
    mallopt(M_PERTURB, 0);
    return;
  }
  try {
    release_memory(device_);
  } catch (const std::exception&) {  // of a device that failed: what was done with it says so
  }
}

std::string gradient_fault(const Net& net, const torch::Tensor& images, const torch::Tensor& labels, Precision precision) {
  const torch::Tensor some = images.narrow(0, 0, std::min(kCompared, images.size(0))),
                      of_those = labels.narrow(0, 0, std::min(kCompared, images.size(0)));
  const at::ScalarType type = precision == Precision::bf16 ? at::kBFloat16 : at::kHalf;
  const Weights wanted = gradients(net, some, of_those, Precision::fp32), rounded = rounded_gradients(net, some, of_those, type);
  const PoisonedMemory poisoned(net.device());
  for (const auto& [name, tensor] : gradients(net, images, labels, precision))
    if (!tensor.isfinite().all().item<bool>()) return fmt::format("the gradient of {} in {} is not finite", name, to_string(precision));
  const double found = distance(gradients(net, some, of_those, precision), wanted), explained = distance(rounded, wanted);
  if (found <= kTimesRounding * explained) return "";
  return fmt::format("gradients in {} are {:.2g} off those of fp32, and rounding explains {:.2g}", to_string(precision), found, explained);
}

}  // namespace eval
