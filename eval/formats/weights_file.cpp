#include "eval/formats/weights_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "eval/formats/onnx.h"
#include "eval/formats/safetensors.h"
#include "eval/formats/weights_identity.h"
#include "storage/base/error.h"
#include "storage/base/option.h"

namespace eval {

namespace {

/// What all names of the net have before them in the file, or "".
std::string common_prefix(const std::vector<std::string>& wanted, const Weights& weights) {
  for (const auto& [given, tensor] : weights) {
    if (!given.ends_with("." + wanted.front())) continue;
    const std::string prefix = given.substr(0, given.size() - wanted.front().size());
    const auto is_there = [&](const std::string& name) { return weights.contains(prefix + name); };
    if (std::all_of(wanted.begin(), wanted.end(), is_there)) return prefix;
  }
  return "";
}

}  // namespace

Weights read_weights(const std::filesystem::path& file) {
  Weights weights = is_onnx(file) ? read_onnx(file).weights : read_safetensors(file).tensors;
  require_finite(file, weights);
  return weights;
}

void require_finite(const std::filesystem::path& file, const Weights& weights) {
  for (const auto& [name, tensor] : weights) {
    std::int64_t finite = 0;  // some values at a time: of all at once isfinite would take twice their memory
    for (const torch::Tensor& some : tensor.flatten().split(1 << 20)) finite += some.isfinite().sum().item<std::int64_t>();
    if (finite < tensor.numel())
      storage::refuse(file,
                      fmt::format("tensor {}: {} of its {} values are NaN or infinite", name, tensor.numel() - finite, tensor.numel()));
  }
}

void require_names(const std::filesystem::path& file, const NetSpec& spec, const Weights& weights) {
  std::vector<std::string> wanted, missing, given;
  for (const auto& [name, sizes] : tensor_sizes(spec)) {
    wanted.push_back(name);
    if (!weights.contains(name)) missing.push_back(name);
  }
  if (missing.empty()) return;
  if (const std::string prefix = common_prefix(wanted, weights); !prefix.empty())
    storage::refuse(
        file,
        fmt::format(
            "its tensors are named as '{0}{1}', where the net '{2}' has '{1}'; valid: without '{0}', as in {{k.removeprefix('{0}'): v "
            "for k, v in state.items()}}",
            prefix, wanted.front(), spec.name));
  for (const auto& [name, tensor] : weights)
    if (!std::binary_search(wanted.begin(), wanted.end(), name)) given.push_back(name);
  const std::string near = storage::nearest(missing.front(), given);
  storage::refuse(
      file, fmt::format("{} of the {} tensors of the net '{}' are missing, the first is '{}'{}", missing.size(), wanted.size(), spec.name,
                        missing.front(), near.empty() ? "" : fmt::format("; the nearest in the file is '{}'", near)));
}

}  // namespace eval
