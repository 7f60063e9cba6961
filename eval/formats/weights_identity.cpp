#include "eval/formats/weights_identity.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "storage/base/fingerprint.h"

namespace eval {

bool is_onnx(const std::filesystem::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension == ".onnx";
}

std::filesystem::path onnx_data_file(const std::filesystem::path& model) {
  std::filesystem::path data = model;
  data += ".data";
  return data;
}

storage::Json weights_identity(const std::filesystem::path& file) {
  storage::Json identity = storage::file_identity(file);
  const std::filesystem::path data = onnx_data_file(file);
  if (is_onnx(file) && std::filesystem::is_regular_file(data)) identity["data"] = storage::file_identity(data);
  return identity;
}

}  // namespace eval
