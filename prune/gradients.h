// Scale and norm of all gradients of a net at once. Used by the training loop.
#pragma once

#include <vector>

#include "eval/torch.h"

namespace prune {

/// Those that the parameters have.
std::vector<torch::Tensor> defined_gradients(const std::vector<torch::Tensor>& parameters);

/// Divides the gradients by the scale of the loss; false where one is not finite. Waits for the device.
bool unscale(const std::vector<torch::Tensor>& gradients, double scale);

/// Scales all by one factor where the Euclidean norm over all is above `most`, as torch::nn::utils::clip_grad_norm_ does, which would wait
/// for the device.
void clip_norm(const std::vector<torch::Tensor>& gradients, double most);

}  // namespace prune
