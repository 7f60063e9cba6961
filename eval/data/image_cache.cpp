#include "eval/data/image_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <tbb/parallel_for.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/fingerprint.h"

namespace eval {
namespace {

namespace fs = std::filesystem;
using storage::Error;
using storage::ErrorKind;
using storage::Json;

constexpr int format_version = 2;  // raised when equal files come to mean other pixels

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::environment, fmt::format("image cache {}: {}; XDG_CACHE_HOME sets another place", path.string(), what));
}

/// A descriptor that closes itself. A file that is not to be made may be missing.
class File {
 public:
  File(const fs::path& path, int flags) : path_(path), descriptor_(open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    const bool may_be_missing = (flags & O_CREAT) == 0;
    if (descriptor_ < 0 && !(may_be_missing && errno == ENOENT)) fail(path_, std::strerror(errno));
  }
  ~File() {
    if (is_there()) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool is_there() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  const fs::path& path() const { return path_; }

  /// Waits for the lock on the file; the kernel drops it with the object or the process.
  void lock() const {
    while (flock(descriptor_, LOCK_EX) != 0) {
      if (errno != EINTR) fail(path_, std::strerror(errno));
    }
  }

 private:
  fs::path path_;
  int descriptor_;
};

/// A file of `bytes` bytes in memory, which stays there when the file is removed.
std::shared_ptr<std::uint8_t> map_file(const File& file, std::size_t bytes, bool writable) {
  void* address = mmap(nullptr, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (address == MAP_FAILED) fail(file.path(), fmt::format("{} bytes cannot be mapped: {}", bytes, std::strerror(errno)));
  return {static_cast<std::uint8_t*>(address), [bytes](std::uint8_t* mapped) { munmap(mapped, bytes); }};
}

/// The names of a set's files: the pixels, and what describes them, which is written last.
struct SetPaths {
  fs::path pixels, partial, description, lock;
};

SetPaths paths_of(const fs::path& folder, const std::string& key) {
  return {folder / (key + ".pixels"), folder / (key + ".partial"), folder / (key + ".json"), folder / (key + ".lock")};
}

/// Removes what is left of a file when the object dies.
struct Removal {
  const fs::path& path;
  ~Removal() {
    std::error_code error;
    fs::remove(path, error);
  }
};

/// What tells sets apart. A file that is replaced has another time of change, even where it keeps its size and, written within the same
/// tick of the clock, its time of writing.
std::string key_of(const ImageFiles& files, const ImageFrame& frame) {
  std::string listing;
  for (const std::string& name : files.names) {
    struct stat status {};
    const bool there = stat((files.root / name).c_str(), &status) == 0;
    listing += fmt::format("{}\n{} {}.{}\n", name, there ? status.st_size : -1, there ? status.st_ctim.tv_sec : 0,
                           there ? status.st_ctim.tv_nsec : 0);
  }
  return storage::fingerprint(Json{{"version", format_version},
                                   {"side", frame.side},
                                   {"gray", frame.gray},
                                   {"stretch", frame.stretch},
                                   {"source_side", frame.source_side},
                                   {"turn", frame.turn},
                                   {"files", storage::sha256(listing)}});
}

/// The JSON object in a set's description, or null.
Json read_description(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) return {};
  try {
    Json description = Json::parse(storage::read_file(file), nullptr, /*allow_exceptions=*/false);
    return description.is_object() ? description : Json();
  } catch (const Error&) {  // removed by another process that makes room
    return {};
  }
}

/// The description of a set that is complete, or null.
Json description_of(const SetPaths& paths, std::size_t bytes) {
  std::error_code error;
  if (fs::file_size(paths.pixels, error) != bytes || error) return {};
  Json description = read_description(paths.description);
  return description.contains("broken") && description.contains("content") ? description : Json();
}

DecodedImages images_of(const File& file, std::size_t bytes, const Json& description) {
  DecodedImages images;
  std::shared_ptr<std::uint8_t> pixels = map_file(file, bytes, /*writable=*/false);
  images.pixels = {{pixels.get(), bytes}, pixels};
  images.content = description.at("content");
  for (const Json& entry : description.at("broken"))
    images.broken.emplace_back(entry.at(0).get<std::int64_t>(), entry.at(1).get<std::string>());
  return images;
}

/// The images of a set that is complete; nothing where it is not, or another process removes it meanwhile.
std::optional<DecodedImages> find_images(const SetPaths& paths, std::size_t bytes) {
  const Json description = description_of(paths, bytes);
  if (description.is_null()) return std::nullopt;
  const File pixels(paths.pixels, O_RDONLY);
  return pixels.is_there() ? std::optional(images_of(pixels, bytes, description)) : std::nullopt;
}

void make_room(const fs::path& folder, std::int64_t bytes, std::int64_t limit) {
  if (limit == 0) return;
  if (bytes > limit) {
    fail(folder, fmt::format("the images need {} MiB, and cache_limit allows {} MiB; valid: smaller images, or a higher limit", bytes >> 20,
                             limit >> 20));
  }
  std::vector<CachedSet> sets = cached_sets();
  std::int64_t used = bytes;
  for (const CachedSet& set : sets) used += set.bytes;
  for (auto set = sets.begin(); used > limit && set != sets.end(); ++set) {
    remove_cached(*set);
    used -= set->bytes;
  }
}

/// "" or why an image cannot be had.
std::string decode_file(const fs::path& path, const ImageFrame& frame, std::span<std::uint8_t> planes) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return "is not there";
  try {
    return decode_image(storage::read_file(path), frame, planes);
  } catch (const std::exception& failure) {  // OpenCV's, or a file that cannot be read
    return failure.what();
  }
}

/// Decodes all files to an empty file of pixels, in parallel: {"broken": [[image, reason]], "content": a hash of all pixels}.
Json decode_all(const ImageFiles& files, const ImageFrame& frame, const File& target,
                const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const std::size_t bytes = files.names.size() * frame.bytes();
  if (const int code = posix_fallocate(target.descriptor(), 0, static_cast<off_t>(bytes)); code != 0)
    fail(target.path(), fmt::format("{} MiB for the decoded images: {}", bytes >> 20, std::strerror(code)));
  const std::shared_ptr<std::uint8_t> pixels = map_file(target, bytes, /*writable=*/true);
  std::atomic<std::int64_t> done{0};
  std::vector<std::string> reasons(files.names.size()), hashes(files.names.size());
  tbb::parallel_for(std::size_t{0}, files.names.size(), [&](std::size_t i) {
    const std::span<std::uint8_t> planes(pixels.get() + i * frame.bytes(), frame.bytes());
    reasons[i] = decode_file(files.root / files.names[i], frame, planes);
    if (!reasons[i].empty()) std::fill(planes.begin(), planes.end(), std::uint8_t{0});
    hashes[i] = storage::sha256({reinterpret_cast<const char*>(planes.data()), planes.size()});
    const std::int64_t now = ++done;
    if (progress) progress(now, static_cast<std::int64_t>(files.names.size()));
  });
  Json broken = Json::array();
  for (std::size_t i = 0; i < reasons.size(); ++i)
    if (!reasons[i].empty()) broken.push_back({i, reasons[i]});
  return {{"broken", std::move(broken)}, {"content", storage::sha256(fmt::format("{}", fmt::join(hashes, "\n")))}};
}

}  // namespace

fs::path image_cache_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/') return fs::path(cache) / "nas-run" / "images";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') return fs::path(home) / ".cache" / "nas-run" / "images";
  throw Error(ErrorKind::environment, "decoded images have no place: neither XDG_CACHE_HOME nor HOME is set to an absolute path");
}

DecodedImages cached_images(const ImageFiles& files, const ImageFrame& frame, const DecodeOptions& options) {
  const fs::path folder = image_cache_folder();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(folder, error.message());
  const std::size_t bytes = files.names.size() * frame.bytes();
  const SetPaths paths = paths_of(folder, key_of(files, frame));

  if (std::optional<DecodedImages> found = find_images(paths, bytes)) {
    fs::last_write_time(paths.description, fs::file_time_type::clock::now(), error);  // for the order in which sets make room
    return std::move(*found);
  }
  const File lock(paths.lock, O_RDWR | O_CREAT);
  lock.lock();
  if (std::optional<DecodedImages> found = find_images(paths, bytes)) return std::move(*found);  // another process made it meanwhile
  make_room(folder, static_cast<std::int64_t>(bytes), options.cache_limit);
  const Removal removal{paths.partial};
  const File pixels(paths.partial, O_RDWR | O_CREAT | O_TRUNC);  // stays open: once it has its name, another process may remove it
  Json description = decode_all(files, frame, pixels, options.progress);
  description.update({{"root", files.root.string()}, {"images", files.names.size()}});
  storage::commit_file(paths.partial, paths.pixels);
  storage::write_file(paths.description, description.dump());
  return images_of(pixels, bytes, description);
}

std::vector<CachedSet> cached_sets() {
  std::vector<CachedSet> sets;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(image_cache_folder(), error)) {
    const bool partial = entry.path().extension() == ".partial";
    if (!partial && entry.path().extension() != ".pixels") continue;
    if (partial && storage::is_locked(fs::path(entry.path()).replace_extension(".lock"))) continue;  // being made
    const fs::path description = fs::path(entry.path()).replace_extension(".json");
    const Json json = read_description(description);
    const fs::path dated = json.is_object() ? description : entry.path();
    const std::uintmax_t bytes = fs::file_size(entry.path(), error);
    if (error) continue;  // removed meanwhile
    sets.push_back({entry.path(), static_cast<std::int64_t>(bytes), json.is_object() ? json.value("root", "") : "",
                    json.is_object() ? json.value("images", std::int64_t{0}) : 0, fs::last_write_time(dated, error)});
  }
  std::sort(sets.begin(), sets.end(), [](const CachedSet& a, const CachedSet& b) { return a.used < b.used; });
  return sets;
}

void remove_cached(const CachedSet& set) {
  std::error_code error;
  fs::remove(fs::path(set.file).replace_extension(".json"), error);  // the lock stays: others may wait for it
  fs::remove(set.file, error);
}

}  // namespace eval
