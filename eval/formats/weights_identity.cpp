#include "eval/formats/weights_identity.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "storage/base/fingerprint.h"

namespace eval {

namespace {

bool has_data_file(const std::filesystem::path& file) {
  return is_onnx(file) && std::filesystem::is_regular_file(onnx_data_file(file));
}

}  // namespace

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
  if (has_data_file(file)) identity["data"] = storage::file_identity(onnx_data_file(file));
  return identity;
}

std::string weights_content(const std::filesystem::path& file) {
  const std::string content = storage::sha256_file(file);
  return has_data_file(file) ? storage::sha256(content + storage::sha256_file(onnx_data_file(file))) : content;
}

}  // namespace eval
