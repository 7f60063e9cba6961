// What lies in the folder through which nas-run and a worker on another machine talk: requests and events under numbers, a sign of life
// that is replaced, and the worker's log. Each file has one writer. Used by both ends.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace search {

/// Numbered from 1, in the order in which they were written.
std::filesystem::path request_path(const std::filesystem::path& folder, int number);
std::filesystem::path event_path(const std::filesystem::path& folder, int number);

/// The worker's count of beats and the last that it said of its stage's progress: {"beat": 7, "progress": LINE}.
std::filesystem::path alive_path(const std::filesystem::path& folder);

/// For how long a folder that cannot be written or listed, as of a network disk that fails for a moment, is tried again.
constexpr std::chrono::seconds folder_patience{60};

/// What the worker prints.
std::filesystem::path log_path(const std::filesystem::path& folder);

/// Writes the text with its length and SHA-256 in front: to a temporary name, flushed, then renamed. Throws storage::Error(environment)
/// where it cannot be written.
void write_sealed(const std::filesystem::path& path, const std::string& text);

/// The text; nothing where the file is not there, or is seen empty, in part or with other bytes, as network disks may show it for a while.
std::optional<std::string> read_sealed(const std::filesystem::path& path);

/// How long to wait before a next look: short after there was something, longer the longer there is nothing.
std::chrono::milliseconds pause_after(std::chrono::steady_clock::duration quiet);

/// Lists the folder: a network disk then looks anew which files there are. False where it cannot be listed.
bool refresh(const std::filesystem::path& folder);

}  // namespace search
