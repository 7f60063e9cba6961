// What tells whether a file of weights is still the one that a run began with: a safetensors file, or an ONNX model with the data beside
// it.
#pragma once

#include <filesystem>
#include <string>

#include "storage/base/json.h"

namespace eval {

/// By its extension, in any case.
bool is_onnx(const std::filesystem::path& file);

/// Where PyTorch's exporter puts the weights of a model: NAME.onnx.data beside NAME.onnx.
std::filesystem::path onnx_data_file(const std::filesystem::path& model);

/// storage::file_identity of the file; with "data", that of onnx_data_file, where there is one. Throws as that does.
storage::Json weights_identity(const std::filesystem::path& file);

/// A hash of all that lies in those files, of which weights_identity looks at the ends.
std::string weights_content(const std::filesystem::path& file);

}  // namespace eval
