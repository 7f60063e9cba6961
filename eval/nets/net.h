// A NetSpec with its weights, run by LibTorch. The weights are named tensors, so that files, surgery and exports see what the module sees.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "eval/nets/net_spec.h"
#include "eval/torch.h"

namespace eval {

/// Tensors by name, as torchvision names them: "features.0.weight".
using Weights = std::map<std::string, torch::Tensor>;

/// Every tensor that the spec's layers own: sizes by name. Batch norm owns weight, bias, running_mean and running_var.
std::map<std::string, std::vector<std::int64_t>> tensor_sizes(const NetSpec& spec);

/// Fresh weights: Kaiming normal (fan in; He et al. 2015) for convolutions, normal with deviation 0.01 for linear layers and for
/// the one that makes the class scores, biases 0, batch norm the identity.
/// The same seed gives the same bits.
Weights initial_weights(const NetSpec& spec, std::uint64_t seed);

/// The tensors less what published files hold beyond the net: batch norm's counters of batches, and auxiliary heads that only training
/// uses.
Weights inference_weights(const NetSpec& spec, Weights tensors);

/// Weights that a net starts from, and the layer that could not take them.
struct StartingWeights {
  Weights weights;
  std::string fresh_layer;  ///< the one that makes the class scores, where it has another number of classes; "": none
};

/// Trained tensors for a net that tells other classes apart: the last layer with filters keeps its `fresh` weights where the trained ones
/// have another size, or where it is told to (`new_head`). Throws storage::Error(invalid) naming any other tensor that is missing, not
/// wanted or of the wrong size.
StartingWeights starting_weights(const NetSpec& spec, Weights trained, const Weights& fresh, bool new_head = false);

/// A deep copy.
Weights clone(const Weights& weights);

/// By how much a batch in training moves batch norm's running statistics towards its own.
inline constexpr double batch_norm_momentum = 0.1;

/// Two numbers of a window as LibTorch takes them.
inline std::array<std::int64_t, 2> pair(const std::array<int, 2>& numbers) {
  return {numbers[0], numbers[1]};
}

/// What local response normalisation multiplies x by: (k + alpha * mean of squares over `size` nearby channels)^-beta, as PyTorch computes
/// it.
torch::Tensor response_factor(const Layer& layer, const torch::Tensor& x);

/// A gate as it multiplies x, [N, C, H, W] or [N, C]: a flat gate of a map becomes [N, C, 1, 1].
torch::Tensor gate_for(const torch::Tensor& x, const torch::Tensor& gate);

/// Sees the output of every layer on the way and may return another tensor in its place: masks, recorded activations.
using Tap = std::function<torch::Tensor(int layer, const torch::Tensor& output)>;

class Net {
 public:
  /// Takes the tensors over, as fp32 on `device`, filters in channels-last order. Throws storage::Error(invalid) naming a tensor that is
  /// missing, not wanted or of the wrong size.
  Net(NetSpec spec, Weights weights, torch::Device device = torch::kCPU);

  const NetSpec& spec() const { return spec_; }
  const Weights& weights() const { return weights_; }
  torch::Device device() const { return device_; }

  /// The channels that a select layer takes, as LibTorch indexes with them, on device().
  const torch::Tensor& indices(int layer) const { return indices_[static_cast<std::size_t>(layer)]; }

  /// Tensors that training changes; running statistics are not among them.
  std::vector<torch::Tensor> parameters() const;
  void require_gradients(bool required);

  /// Replaces the values of all tensors by those of the same names.
  void assign(const Weights& weights);

  /// images: [N, C, H, W] floats. Returns the last layer's output, [N, classes]. `training`: batch statistics (and their running update)
  /// and dropout.
  torch::Tensor forward(const torch::Tensor& images, bool training, const Tap& tap = nullptr) const {
    return run(static_cast<int>(spec_.layers.size()) - 1, images, training, tap);
  }

  /// The output of layer `last`, in evaluation mode; what lies above does not run.
  torch::Tensor forward_to(int last, const torch::Tensor& images) const { return run(last, images, /*training=*/false, nullptr); }

  /// The output of one layer in evaluation mode. outputs[i]: that of layer i; those that the layer does not read may be empty. For walks
  /// that carry the activations of two nets side by side.
  torch::Tensor forward_layer(int layer, const std::vector<torch::Tensor>& outputs) const {
    return run_layer(layer, outputs, /*training=*/false, /*may_overwrite=*/false);
  }

 private:
  torch::Tensor run(int last, const torch::Tensor& images, bool training, const Tap& tap) const;
  torch::Tensor run_layer(int index, const std::vector<torch::Tensor>& outputs, bool training, bool may_overwrite) const;
  const torch::Tensor& tensor(const Layer& layer, const char* what) const;

  NetSpec spec_;
  Weights weights_;
  torch::Device device_;
  std::vector<torch::Tensor> indices_;  ///< by layer: of select
  std::vector<int> last_reader_;        ///< by layer: the last layer that reads it
  std::vector<int> readers_;            ///< by layer: how many do
};

}  // namespace eval
