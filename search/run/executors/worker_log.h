// The end of what a worker printed, for the failure of its stage. Used by the channels.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace search {

/// In bytes; 0 where there is none.
std::uintmax_t log_size(const std::filesystem::path& log);

/// Up to 2000 bytes from the end of what was printed after the log had `mark` bytes; they may be no UTF-8.
std::string log_tail(const std::filesystem::path& log, std::uintmax_t mark);

}  // namespace search
