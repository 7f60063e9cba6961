#include "eval/formats/onnx_external.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <onnx/onnx_pb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

#include "eval/formats/onnx_node.h"
#include "eval/formats/onnx_tensor.h"

namespace eval {

namespace {

using onnx::TensorProto;

constexpr std::int64_t most_outside = std::numeric_limits<std::int32_t>::max();

/// Those of the graph and of its nodes' attributes.
std::vector<TensorProto*> external_tensors(onnx::ModelProto& model) {
  std::vector<TensorProto*> tensors;
  for (TensorProto& tensor : *model.mutable_graph()->mutable_initializer())
    if (onnx_is_external(tensor)) tensors.push_back(&tensor);
  for (onnx::NodeProto& node : *model.mutable_graph()->mutable_node())
    for (onnx::AttributeProto& attribute : *node.mutable_attribute())
      if (attribute.has_t() && onnx_is_external(attribute.t())) tensors.push_back(attribute.mutable_t());
  return tensors;
}

struct Place {
  std::string location;
  std::int64_t offset = 0, length = -1;  ///< length -1: to the end of the file
};

std::int64_t number_of(const TensorProto& tensor, const std::string& key, const std::string& text) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0)
    onnx_refuse(tensor, fmt::format("lies in another file: its {} '{}' is no number of bytes", key, onnx_shown(text)));
  return number;
}

/// One or more names below the model's folder, none of them "..".
bool stays_inside(const std::filesystem::path& location) {
  if (location.empty() || location.is_absolute() || location.has_root_name()) return false;
  for (const std::filesystem::path& part : location)
    if (part == ".." || part.empty()) return false;
  return true;
}

Place place_of(const TensorProto& tensor) {
  Place place;
  for (const onnx::StringStringEntryProto& entry : tensor.external_data()) {
    if (entry.key() == "location") place.location = entry.value();
    if (entry.key() == "offset") place.offset = number_of(tensor, "offset", entry.value());
    if (entry.key() == "length") place.length = number_of(tensor, "length", entry.value());
  }
  if (place.location.find('\0') != std::string::npos || !stays_inside(place.location))
    onnx_refuse(tensor, fmt::format("lies in '{}'; valid: a file in the model's folder", onnx_shown(place.location)));
  return place;
}

/// A file that is open, and its size.
class DataFile {
 public:
  DataFile(const TensorProto& tensor, const std::filesystem::path& folder, const std::string& location)
      : name_((folder / location).string()) {
    std::filesystem::path walked = folder;
    std::error_code code;  // of a name that cannot be: open refuses that
    for (const std::filesystem::path& part : std::filesystem::path(location)) {
      walked /= part;
      if (std::filesystem::is_symlink(walked, code))
        onnx_refuse(tensor, fmt::format("lies in {}, which is a link; valid: a file", walked.string()));
    }
    descriptor_ = ::open(name_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat status {};
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
      close();
      onnx_refuse(
          tensor,
          fmt::format("lies in {}, which is not there or no file; valid: keep it beside the model, or save that with its weights inside",
                      name_));
    }
    size_ = status.st_size;
  }
  ~DataFile() { close(); }
  DataFile(const DataFile&) = delete;
  DataFile& operator=(const DataFile&) = delete;

  std::int64_t size() const { return size_; }

  std::string bytes(const TensorProto& tensor, std::int64_t offset, std::int64_t length) const {
    std::string read(static_cast<std::size_t>(length), '\0');
    for (std::int64_t done = 0; done < length;) {
      const ssize_t got = ::pread(descriptor_, read.data() + done, static_cast<std::size_t>(length - done), offset + done);
      if (got <= 0) onnx_refuse(tensor, fmt::format("cannot be read from {}", name_));
      done += got;
    }
    return read;
  }

 private:
  void close() const {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  std::string name_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

}  // namespace

ExternalData load_external_data(onnx::ModelProto& model, const std::filesystem::path& folder) {
  ExternalData data;
  for (TensorProto* const external : external_tensors(model)) {
    TensorProto& tensor = *external;
    const Place place = place_of(tensor);
    const DataFile file(tensor, folder, place.location);
    const std::int64_t length = place.length >= 0 ? place.length : std::max<std::int64_t>(0, file.size() - place.offset);
    if (place.offset > file.size() || length > file.size() - place.offset)
      onnx_refuse(tensor, fmt::format("lies at bytes {} to {} of '{}', which has {}", place.offset,
                                      static_cast<std::uint64_t>(place.offset) + static_cast<std::uint64_t>(length),
                                      onnx_shown(place.location), file.size()));
    if (length > most_outside - data.bytes)
      onnx_refuse(tensor, fmt::format("brings the data outside the model over {} bytes", most_outside));
    data.bytes += length;
    data.files.insert(place.location);
    tensor.set_raw_data(file.bytes(tensor, place.offset, length));
    tensor.clear_external_data();
    tensor.set_data_location(TensorProto::DEFAULT);
  }
  return data;
}

}  // namespace eval
