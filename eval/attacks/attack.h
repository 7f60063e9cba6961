// One attack: changes images so that a net takes them for something else. Robustness is measured with it, on the net itself or on another.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "eval/data/normalisation.h"
#include "eval/nets/net.h"
#include "storage/base/json.h"

namespace eval {

/// Class scores [N, K] of images [N, C, H, W] with values in [0, 1]; differentiable.
using PixelScores = std::function<torch::Tensor(const torch::Tensor& pixels)>;

/// The net's scores in evaluation mode, normalisation included. Borrows the net.
PixelScores pixel_scores(const Net& net, const Normalisation& normalisation);

struct AttackBatch {
  torch::Tensor images;              ///< [N, C, H, W] fp32 in [0, 1]
  torch::Tensor labels;              ///< [N] int64
  std::vector<std::uint64_t> seeds;  ///< one an image: what is drawn for it does not depend on the batch
};

class Attack {
 public:
  virtual ~Attack() = default;

  /// The changed images, in [0, 1].
  virtual torch::Tensor perturb(const PixelScores& scores, const AttackBatch& batch) const = 0;
};

/// `options`: those of the attack's catalog entry, checked. Throws storage::Error(invalid) for an unknown name.
std::unique_ptr<Attack> make_attack(const std::string& name, const storage::Json& options);

/// d sum(value(images)) / d images: each image's own gradient, where `value` is a number an image [N].
torch::Tensor image_gradient(const torch::Tensor& images, const std::function<torch::Tensor(const torch::Tensor& images)>& value);

/// The gradient of the cross entropy of `labels` with respect to each image.
torch::Tensor loss_gradient(const PixelScores& scores, const torch::Tensor& images, const torch::Tensor& labels);

/// A rotation about the middle of an image and then a shift.
struct Move {
  double degrees = 0;  ///< counter-clockwise
  double right = 0;    ///< share of the width
  double down = 0;     ///< share of the height
};

/// The images [N, C, H, W], each moved in its own way: bilinear, black where nothing was.
torch::Tensor moved_images(const torch::Tensor& images, const std::vector<Move>& moves);

}  // namespace eval
