#include "eval/samples/sample.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <tbb/parallel_for.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "eval/data/image_dataset.h"
#include "eval/samples/sample_files.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/named.h"

namespace eval {
namespace {

namespace fs = std::filesystem;
using storage::Error;
using storage::ErrorKind;

constexpr std::int64_t most_images = 1'000'000;

[[noreturn]] void fail(const char* doing, const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::environment, fmt::format("cannot {} {}: {}", doing, path.string(), why));
}

std::int64_t in_range(const SampleEntry& entry, const char* key, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return value;
  throw Error(ErrorKind::usage, fmt::format("sample {}: {} is {}; valid: {}", entry.name, key, value,
                                            least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most)));
}

/// The target without a slash at its end or links in it: a folder can take its place.
fs::path place_of(const fs::path& target) {
  std::error_code error;
  const fs::path place = fs::weakly_canonical(fs::absolute(target), error);
  if (error) fail("write", target, error.message());
  return place.has_filename() ? place : place.parent_path();
}

void require_empty(const fs::path& target) {
  std::error_code error;
  if (!fs::exists(target, error)) return;
  const char* is = !fs::is_directory(target, error) ? "is no folder" : fs::is_empty(target, error) ? nullptr : "is not empty";
  if (error) fail("read", target, error.message());
  if (is != nullptr)
    throw Error(ErrorKind::usage, fmt::format("-o {} {}; valid: a folder that is not there yet, or an empty one", target.string(), is));
}

std::string describe(const SampleEntry& entry, const SampleRequest& request) {
  return fmt::format(
      "Drawn by `nas-run sample {} --images {} --size {} --seed {}`, version {} of the drawing: {}.\n"
      "No photograph is in it. Figures from these images say nothing of the dataset whose layout they have.\n",
      entry.name, request.images, request.size, request.seed, drawing_version, entry.doc);
}

}  // namespace

const std::vector<SampleEntry>& sample_registry() {
  static const std::vector<SampleEntry> entries{adience_sample(), lfwa_sample(), cifar100_sample(), imagenet_sample()};
  return entries;
}

const SampleEntry& sample_entry(const std::string& name) {
  return storage::find_named(sample_registry(), name, "sample", &SampleEntry::name, ErrorKind::usage);
}

SampleRequest make_request(const SampleEntry& entry, std::optional<std::int64_t> images, std::optional<int> size, std::uint64_t seed) {
  SampleRequest request;
  request.images = in_range(entry, "--images", images.value_or(entry.images), entry.least_images, most_images);
  request.size = static_cast<int>(in_range(entry, "--size", size.value_or(entry.size), entry.least_size, entry.most_size));
  request.seed = seed;
  return request;
}

bool draw_sample(const SampleEntry& entry, const SampleRequest& request, const fs::path& target) {
  const fs::path place = place_of(target);
  require_empty(place);
  make_folder(place.parent_path());
  const storage::TemporaryNeighbour temporary(place);
  make_folder(temporary.path());
  entry.draw(request, temporary.path());
  if (request.stopped && request.stopped()) return false;
  write_sample_file(temporary.path() / synthetic_mark, describe(entry, request));
  std::error_code error;
  fs::rename(temporary.path(), place, error);
  if (error) fail("write", place, error.message());
  return true;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail("make the folder", folder, error.message());
}

void write_sample_file(const fs::path& path, std::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  int error = file < 0 ? errno : 0;
  while (error == 0 && !bytes.empty()) {
    const ssize_t count = write(file, bytes.data(), bytes.size());
    if (count >= 0)
      bytes.remove_prefix(static_cast<std::size_t>(count));
    else if (errno != EINTR)
      error = errno;
  }
  if (file >= 0 && close(file) != 0 && error == 0) error = errno;  // where a network file system tells of a full disk
  if (error != 0) fail("write", path, std::strerror(error));
}

void draw_each(const SampleRequest& request, std::int64_t count, const std::function<void(std::int64_t)>& draw) {
  tbb::parallel_for(std::int64_t{0}, count, [&](std::int64_t i) {
    if (!request.stopped || !request.stopped()) draw(i);
  });
}

}  // namespace eval
