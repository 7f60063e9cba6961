// A net as a TorchScript file that torch.jit.load opens in Python and C++ without any of this project's code.
#pragma once

#include <filesystem>
#include <string>

#include "eval/nets/net.h"
#include "eval/nets/net_info.h"

namespace torch::jit {
struct Module;
}

namespace eval {

/// The forward function as TorchScript source, in evaluation mode. Tensor t is the attribute torchscript_name(t). `end_to_end`: of pixels,
/// by the attributes pixel_mean and pixel_deviation, to probabilities.
std::string torchscript_source(const NetSpec& spec, bool end_to_end = false);

/// "features.0.weight" -> "features_0_weight": a dot separates modules in TorchScript.
std::string torchscript_name(const std::string& tensor);

/// The net as a module in evaluation mode, its tensors on the CPU; as write_torchscript writes it.
torch::jit::Module torchscript_module(const NetSpec& spec, const Weights& weights, const NetInfo& info = {}, bool end_to_end = false);

/// Writes `path` in place. The module takes [N, C, H, W] fp32 images, normalised as in training, and returns class scores; it has the
/// attributes task, class_names, mean, deviation, takes and input_size ([C, H, W]), as far as they are known. `end_to_end`: it takes pixels
/// in [0, 255] instead, of bytes or floats, and returns probabilities; that needs mean and deviation, which are built in and no attributes.
void write_torchscript(const std::filesystem::path& path, const NetSpec& spec, const Weights& weights, const NetInfo& info = {},
                       bool end_to_end = false);

}  // namespace eval
