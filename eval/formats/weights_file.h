// Weights of a user's own, from safetensors or ONNX, checked against the net that is to have them: what is wrong is said of the file as a
// whole. Called by nas-worker.
#pragma once

#include <filesystem>

#include "eval/nets/net.h"

namespace eval {

/// The tensors of a file. Throws storage::Error(invalid) naming it: as read_safetensors and read_onnx, or a tensor with NaN or infinity.
Weights read_weights(const std::filesystem::path& file);

/// Throws storage::Error(invalid) naming the file and the first tensor that holds NaN or infinity.
void require_finite(const std::filesystem::path& file, const Weights& weights);

/// Throws storage::Error(invalid) where the net has tensors that the file lacks: how many, the first, and either the prefix that all names
/// of the file have before those of the net ("module.") or the nearest name in the file.
void require_names(const std::filesystem::path& file, const NetSpec& spec, const Weights& weights);

}  // namespace eval
