// The data of an ONNX model's tensors that lie in files beside it, as PyTorch's exporter writes them: NAME.onnx.data. The ONNX reader calls
// it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

namespace onnx {
class ModelProto;
}

namespace eval {

struct ExternalData {
  std::int64_t bytes = 0;
  std::set<std::string> files;  ///< as the model names them, from its folder
};

/// Moves the data of all tensors that lie elsewhere into the model; `folder` is the model's. Throws storage::Error(invalid) naming the
/// tensor and the file: a name that leads out of the folder or through a link, a file that is missing or no file, a place beyond its end,
/// more than 2 GB in all.
ExternalData load_external_data(onnx::ModelProto& model, const std::filesystem::path& folder);

}  // namespace eval
