#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>

#include "eval/formats/onnx.h"
#include "eval/formats/onnx_graph.h"
#include "eval/formats/pixel_statistics.h"
#include "storage/base/error.h"

namespace eval {

using storage::Error;
using storage::ErrorKind;

namespace {

constexpr int first_operator_set = 13, last_operator_set = 18;                // from 13 on what is written here has one form
constexpr std::size_t most_bytes = std::numeric_limits<std::int32_t>::max();  // a protobuf message holds no more

/// Before anything is copied.
void check_size(const NetSpec& spec) {
  std::size_t bytes = 0;
  for (const auto& [name, sizes] : tensor_sizes(spec)) {
    std::size_t tensor_bytes = sizeof(float);
    for (const std::int64_t size : sizes) tensor_bytes *= static_cast<std::size_t>(size);
    bytes += tensor_bytes;
  }
  if (bytes > most_bytes)
    throw Error(ErrorKind::invalid,
                fmt::format("net '{}' has {} bytes of weights; an ONNX file holds at most {}", spec.name, bytes, most_bytes));
}

onnx::ModelProto model_of(const NetSpec& spec, const Weights& weights, const NetInfo& info, const OnnxOptions& options) {
  check_size(spec);
  const auto [end_to_end, operator_set] = options;
  if (operator_set != old_onnx_operator_set && (operator_set < first_operator_set || operator_set > last_operator_set))
    throw Error(ErrorKind::usage, fmt::format("operator set {} is not written; valid: {}, or {} to {}", operator_set, old_onnx_operator_set,
                                              first_operator_set, last_operator_set));
  onnx::ModelProto model = onnx_graph(spec, weights, operator_set, end_to_end ? std::optional(pixel_statistics(info)) : std::nullopt);
  std::map<std::string, std::string> metadata = to_metadata(info, spec);
  if (!metadata.empty()) metadata["takes"] = takes(end_to_end);
  if (end_to_end) {  // what is built in must not be done again
    metadata.erase("mean");
    metadata.erase("deviation");
  }
  for (const auto& [key, value] : metadata) {
    onnx::StringStringEntryProto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  if (model.ByteSizeLong() > most_bytes)
    throw Error(ErrorKind::invalid,
                fmt::format("net '{}' needs {} bytes as ONNX; a file holds at most {}", spec.name, model.ByteSizeLong(), most_bytes));
  return model;
}

}  // namespace

void write_onnx(const std::filesystem::path& path, const NetSpec& spec, const Weights& weights, const NetInfo& info,
                const OnnxOptions& options) {
  const onnx::ModelProto model = model_of(spec, weights, info, options);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  const bool written = out && model.SerializeToOstream(&out) && out.flush();
  if (!written) throw Error(ErrorKind::environment, fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)));
}

std::string onnx_file(const NetSpec& spec, const Weights& weights) {
  return model_of(spec, weights, {}, {}).SerializeAsString();
}

}  // namespace eval
