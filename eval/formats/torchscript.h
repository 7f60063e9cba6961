// A net as a TorchScript file that torch.jit.load opens in Python and C++ without any of this project's code.
#pragma once

#include <filesystem>
#include <string>

#include "eval/nets/net.h"

namespace torch::jit {
struct Module;
}

namespace eval {

/// The forward function as TorchScript source, in evaluation mode. Tensor t is the attribute torchscript_name(t).
std::string torchscript_source(const NetSpec& spec);

/// "features.0.weight" -> "features_0_weight": a dot separates modules in TorchScript.
std::string torchscript_name(const std::string& tensor);

/// The net as a module in evaluation mode, its tensors on the CPU.
torch::jit::Module torchscript_module(const NetSpec& spec, const Weights& weights);

/// Writes `path` in place. The module takes [N, C, H, W] fp32 images, normalised as in training, and returns class scores.
void write_torchscript(const std::filesystem::path& path, const NetSpec& spec, const Weights& weights);

}  // namespace eval
