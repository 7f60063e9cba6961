#include "search/report/tensorboard.h"

#include <fmt/format.h>

#include <array>
#include <boost/crc.hpp>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include "search/report/tensorboard.pb.h"
#include "storage/base/file.h"
#include "storage/base/time.h"

namespace search {

namespace {

using storage::Json;
using Values = std::vector<Json>;

/// What all event files begin with.
constexpr const char* kVersion = "brain.Event:2";

/// By epoch and tag.
using Curves = std::map<int, std::map<std::string, float>>;

struct Training {
  std::string folder;
  double ended = 0;  ///< seconds since 1970
  Curves curves;
};

/// Little endian, whatever the machine.
template <typename Number>
std::string bytes_of(Number number) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof number; ++i) bytes.push_back(static_cast<char>(number >> (8 * i) & 0xff));
  return bytes;
}

/// CRC-32C (RFC 3720), rotated and moved, so that a checksum of bytes that hold checksums is as good as any.
std::uint32_t masked_crc(const std::string& bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const std::uint32_t sum = crc.checksum();
  return (sum >> 15 | sum << 17) + 0xa282ead8u;
}

/// A record of TensorFlow's: length, its checksum, the event, its checksum.
std::string record(const tensorboard::Event& event) {
  const std::string data = event.SerializeAsString(), length = bytes_of(static_cast<std::uint64_t>(data.size()));
  return length + bytes_of(masked_crc(length)) + data + bytes_of(masked_crc(data));
}

std::string event_file(const Training& training) {
  tensorboard::Event event;
  event.set_wall_time(training.ended);
  event.set_file_version(kVersion);
  std::string file = record(event);
  for (const auto& [epoch, values] : training.curves) {
    event.set_step(epoch);
    event.clear_what();
    for (const auto& [tag, value] : values) {
      tensorboard::Summary::Value& added = *event.mutable_summary()->add_value();
      added.set_tag(tag);
      added.set_simple_value(value);
    }
    file += record(event);
  }
  return file;
}

/// A label as a folder's name.
std::string folder_name(std::string label) {
  for (char& letter : label)
    if (letter == '/' || static_cast<unsigned char>(letter) < ' ') letter = '-';
  return label.empty() || label[0] == '.' ? "stage " + label : label;
}

/// The stages that are done, by fingerprint; equal labels are told apart by it.
std::unordered_map<std::string, Training> stages_done(const storage::Repository& repository) {
  std::unordered_map<std::string, Training> trainings;
  std::set<std::string> folders;
  repository.each_row("stages", {"stage", "label", "state", "finished_at"}, [&](const Values& row) {
    if (row[2] != "done" || !row[1].is_string()) return;
    const std::string stage = row[0].get<std::string>();
    Training training{folder_name(row[1].get<std::string>()), 0, {}};
    if (row[3].is_string()) training.ended = storage::seconds_of(row[3].get<std::string>()).value_or(0);
    if (!folders.insert(training.folder).second) training.folder += " " + stage.substr(0, 8);
    trainings.emplace(stage, std::move(training));
  });
  return trainings;
}

/// The stored name of a value that is not finite.
float special(const Json& name) {
  if (name == "inf") return std::numeric_limits<float>::infinity();
  if (name == "-inf") return -std::numeric_limits<float>::infinity();
  return std::numeric_limits<float>::quiet_NaN();
}

}  // namespace

int write_tensorboard_files(const storage::Repository& repository, const std::filesystem::path& directory) {
  std::unordered_map<std::string, Training> trainings = stages_done(repository);
  repository.each_row("metrics", {"stage", "split", "name", "value", "special", "epoch"}, [&](const Values& row) {
    const auto training = trainings.find(row[0].get<std::string>());
    if (training == trainings.end() || !row[5].is_number_integer()) return;
    const std::string split = row[1].is_string() ? row[1].get<std::string>() : "", name = row[2].get<std::string>();
    training->second.curves[row[5].get<int>()][split.empty() ? name : split + "/" + name] =
        row[3].is_number() ? row[3].get<float>() : special(row[4]);
  });
  int files = 0;
  for (const auto& [stage, training] : trainings) {
    if (training.curves.empty()) continue;
    const std::filesystem::path folder = directory / training.folder;
    storage::make_directory(folder);
    storage::write_file(folder / "events.out.tfevents.nas-run", event_file(training));
    ++files;
  }
  return files;
}

}  // namespace search
