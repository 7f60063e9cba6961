// Runs an ONNX model by ONNX Runtime, where nets are served. The library is loaded when it is first needed; nothing is linked to it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "eval/torch.h"

namespace eval {

/// Of the library, as "1.32.0"; empty where none is found. Looked for: what NAS_ONNXRUNTIME names, the system's libonnxruntime.so, that of
/// the onnxruntime package of the active Python.
std::string onnx_runtime_version();

/// A model that is ready to run on the CPU, its graph optimised.
class OnnxSession {
 public:
  /// `model`: bytes as onnx_file makes them, of a net of so many classes; `threads` of each operator. Error(environment) where no library
  /// is found, Error(internal) with the library's words where it refuses the model.
  OnnxSession(const std::string& model, std::int64_t classes, int threads);
  ~OnnxSession();

  /// The scores [N, classes] of images [N, C, H, W], contiguous and on the CPU; they live until the next run.
  torch::Tensor run(const torch::Tensor& images);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eval
