// Durations and sizes as people write them. Used by the command line and by experiments.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace search {

/// "90s", "30m", "4h", "2d", or several in a row ("1h30m"). Throws storage::Error(usage) for anything else, or above 1000 days.
std::chrono::seconds parse_duration(const std::string& text);

/// "20GiB", "512MiB", "1TiB". Throws storage::Error(invalid) for anything else, or above 1000 TiB.
std::int64_t parse_bytes(const std::string& text);

}  // namespace search
