// Progress of a run on stderr: a line for every finished stage and, on a terminal, a status line with a bar and the time left.
#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>

#include "search/run/run.h"

namespace search {

using Clock = std::function<std::chrono::steady_clock::time_point()>;

/// `terminal`: keep a rewritten, coloured status line below the finished stages. Without it, or with NO_COLOR set, plain lines only.
/// The time left is the work left over the work done a second in this run, each kind of stage by itself, cached stages not counted.
std::unique_ptr<RunObserver> make_progress(std::FILE* out, bool terminal, Clock clock = std::chrono::steady_clock::now);

/// "8 s", "2:05 min", "3:02 h".
std::string format_duration(double seconds);

}  // namespace search
