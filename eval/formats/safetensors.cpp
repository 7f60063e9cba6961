#include "eval/formats/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <string_view>

#include "storage/base/error.h"
#include "storage/base/json.h"
#include "storage/base/shown.h"

namespace eval {

using storage::Error;
using storage::ErrorKind;
using storage::Json;

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian");

namespace {

struct DataType {
  const char* name;
  torch::Dtype type;
};
const DataType data_types[] = {{"F64", torch::kFloat64},   {"F32", torch::kFloat32}, {"F16", torch::kFloat16},
                               {"BF16", torch::kBFloat16}, {"I64", torch::kInt64},   {"I32", torch::kInt32}};

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorKind::invalid, fmt::format("{}: not a valid safetensors file: {}", path.string(), why));
}

/// What else the first eight bytes of a file may begin.
std::string other_format(std::uint64_t first) {
  const std::string_view bytes(reinterpret_cast<const char*>(&first), sizeof first);
  if (bytes.starts_with("PK\x03\x04") || bytes.starts_with("\x80\x02"))
    return "; it begins as what torch.save writes; valid: safetensors.torch.save_file(net.state_dict(), FILE)";
  if (bytes.starts_with("\x08")) return "; it may be ONNX; valid: the extension .onnx";
  return "";
}

/// One tensor as the header describes it, checked against the data's length.
struct Entry {
  std::string name;
  torch::Dtype type = torch::kFloat32;
  std::vector<std::int64_t> sizes;
  std::uint64_t begin = 0, end = 0;
};

Entry read_entry(const std::filesystem::path& path, const std::string& name, const Json& json, std::uint64_t data_bytes) {
  if (!json.is_object() || json.size() != 3 || !json.contains("dtype") || !json.contains("shape") || !json.contains("data_offsets"))
    refuse(path, fmt::format("tensor {} needs exactly dtype, shape and data_offsets", name));
  Entry entry{.name = name};
  const auto type = std::find_if(std::begin(data_types), std::end(data_types), [&](const DataType& t) { return json["dtype"] == t.name; });
  if (type == std::end(data_types)) refuse(path, fmt::format("tensor {} has the unsupported type {}", name, storage::shown(json["dtype"])));
  entry.type = type->type;
  const Json& offsets = json["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
    refuse(path, fmt::format("tensor {}: data_offsets must be two numbers, not {}", name, storage::shown(offsets)));
  entry.begin = offsets[0].get<std::uint64_t>();
  entry.end = offsets[1].get<std::uint64_t>();
  if (entry.begin > entry.end || entry.end > data_bytes)
    refuse(path, fmt::format("tensor {}: bytes {} to {} lie outside the {} bytes of data", name, entry.begin, entry.end, data_bytes));
  if (!json["shape"].is_array() || json["shape"].size() > 8)
    refuse(path, fmt::format("tensor {}: shape must be a list of at most 8 sizes", name));
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  std::uint64_t bytes = c10::elementSize(entry.type), strides = bytes;  // LibTorch multiplies sizes for strides too, 0 counted as 1
  for (const Json& size : json["shape"]) {
    if (!size.is_number_unsigned()) refuse(path, fmt::format("tensor {}: {} is no size", name, storage::shown(size)));
    const std::uint64_t n = size.get<std::uint64_t>(), step = std::max<std::uint64_t>(1, n);
    if (strides > most / step) refuse(path, fmt::format("tensor {}: the size {} is out of range", name, n));
    strides *= step;
    bytes *= n;
    entry.sizes.push_back(static_cast<std::int64_t>(n));
  }
  if (bytes != entry.end - entry.begin)
    refuse(path, fmt::format("tensor {}: its shape needs {} bytes, its offsets hold {}", name, bytes, entry.end - entry.begin));
  return entry;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const TensorFile& file) {
  Json header = Json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  std::vector<torch::Tensor> tensors;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    tensors.push_back(tensor.detach().to(torch::kCPU).contiguous());
    const auto type = std::find_if(std::begin(data_types), std::end(data_types),
                                   [own = tensor.scalar_type()](const DataType& t) { return own == t.type; });
    if (type == std::end(data_types))
      throw Error(ErrorKind::internal, "tensor " + name + " has a type that safetensors files here do not hold");
    header[name] = {{"dtype", type->name}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, offset + tensor.nbytes()}}};
    offset += tensor.nbytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data start aligned
  const std::uint64_t length = text.size();
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(&length), sizeof length);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  for (const torch::Tensor& tensor : tensors)
    out.write(static_cast<const char*>(tensor.data_ptr()), static_cast<std::streamsize>(tensor.nbytes()));
  out.flush();
  if (!out) throw Error(ErrorKind::environment, fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)));
}

TensorFile read_safetensors(const std::filesystem::path& path) {
  if (std::error_code unknown; std::filesystem::is_directory(path, unknown)) refuse(path, "it is a folder");
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) throw Error(ErrorKind::invalid, fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno)));
  const std::uint64_t file_bytes = static_cast<std::uint64_t>(in.tellg());
  std::uint64_t header_bytes = 0;
  in.seekg(0);
  if (file_bytes < sizeof header_bytes || !in.read(reinterpret_cast<char*>(&header_bytes), sizeof header_bytes))
    refuse(path, "it is shorter than 8 bytes");
  if (header_bytes > file_bytes - sizeof header_bytes)
    refuse(path, fmt::format("its header claims {} bytes, the file has {}{}", header_bytes, file_bytes, other_format(header_bytes)));
  std::string text(header_bytes, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(header_bytes))) refuse(path, "its header cannot be read");
  const Json header = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) refuse(path, "its header is no JSON object");

  TensorFile file;
  std::vector<Entry> entries;
  const std::uint64_t data_bytes = file_bytes - sizeof header_bytes - header_bytes;
  for (const auto& [name, json] : header.items()) {
    if (name != "__metadata__") {
      entries.push_back(read_entry(path, name, json, data_bytes));
      continue;
    }
    if (!json.is_object()) refuse(path, "__metadata__ is no object");
    for (const auto& [key, value] : json.items()) {
      if (!value.is_string()) refuse(path, fmt::format("metadata {} is no text", key));
      file.metadata[key] = value.get<std::string>();
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  std::uint64_t covered = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != covered)
      refuse(path, fmt::format("tensor {} begins at byte {} where {} was expected", entry.name, entry.begin, covered));
    covered = entry.end;
  }
  if (covered != data_bytes) refuse(path, fmt::format("{} bytes belong to no tensor", data_bytes - covered));
  for (const Entry& entry : entries) {
    torch::Tensor tensor = torch::empty(entry.sizes, entry.type);
    if (!in.read(static_cast<char*>(tensor.data_ptr()), static_cast<std::streamsize>(entry.end - entry.begin)) && entry.end > entry.begin)
      refuse(path, fmt::format("tensor {} cannot be read", entry.name));
    file.tensors[entry.name] = tensor;
  }
  return file;
}

void write_net(const std::filesystem::path& path, const NetSpec& spec, const Weights& weights, const Json& kept, const NetInfo& info) {
  TensorFile file{weights, to_metadata(info, spec)};
  file.metadata["net_spec"] = to_json(spec).dump();
  if (!kept.is_null()) file.metadata["kept"] = kept.dump();
  write_safetensors(path, file);
}

void require_kept(const std::filesystem::path& path, const Json& kept) {
  const auto is_channel = [](const Json& number) { return number.is_number_unsigned(); };
  const auto are_channels = [&](const Json& list) { return list.is_array() && std::all_of(list.begin(), list.end(), is_channel); };
  if (!kept.is_object() || !std::all_of(kept.begin(), kept.end(), are_channels))
    throw Error(ErrorKind::invalid,
                fmt::format("{}: the metadata 'kept' is {}; valid: a list of channel numbers for each layer, as {{\"conv1\": [0, 2]}}",
                            path.string(), kept.is_object() ? "not of this form" : storage::shown(kept)));
}

}  // namespace eval
