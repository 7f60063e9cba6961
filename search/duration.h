// Durations as people write them. Used by the command line.
#pragma once

#include <chrono>
#include <string>

namespace search {

/// "90s", "30m", "4h", "2d", or several in a row ("1h30m"). Throws storage::Error(usage) for anything else, or above 1000 days.
std::chrono::seconds parse_duration(const std::string& text);

}  // namespace search
