#include "search/run/worker_folder.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/fingerprint.h"

namespace search {

namespace {

std::string seal(const std::string& text) {
  return fmt::format("{} {}\n", text.size(), storage::sha256(text));
}

}  // namespace

std::filesystem::path request_path(const std::filesystem::path& folder, int number) {
  return folder / fmt::format("request-{}.json", number);
}

std::filesystem::path event_path(const std::filesystem::path& folder, int number) {
  return folder / fmt::format("event-{}.json", number);
}

std::filesystem::path alive_path(const std::filesystem::path& folder) {
  return folder / "alive.json";
}

std::filesystem::path log_path(const std::filesystem::path& folder) {
  return folder / "log";
}

void write_sealed(const std::filesystem::path& path, const std::string& text) {
  storage::write_file(path, seal(text) + text);
}

std::optional<std::string> read_sealed(const std::filesystem::path& path) {
  std::error_code missing;
  if (!std::filesystem::exists(path, missing)) return std::nullopt;
  try {
    const std::string bytes = storage::read_file(path);
    const std::size_t head = bytes.find('\n');
    if (head == std::string::npos) return std::nullopt;
    std::string text = bytes.substr(head + 1);
    return bytes.compare(0, head + 1, seal(text)) == 0 ? std::optional(std::move(text)) : std::nullopt;
  } catch (const storage::Error&) {  // it was there a moment ago
    return std::nullopt;
  }
}

std::chrono::milliseconds pause_after(std::chrono::steady_clock::duration quiet) {
  constexpr std::chrono::milliseconds shortest{20}, longest{1000};
  constexpr int share = 20;
  return std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(quiet / share), shortest, longest);
}

bool refresh(const std::filesystem::path& folder) {
  std::error_code missing;
  std::filesystem::directory_iterator entries(folder, missing);
  while (!missing && entries != std::filesystem::directory_iterator()) entries.increment(missing);
  return !missing;
}

}  // namespace search
