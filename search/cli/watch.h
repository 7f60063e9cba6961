// `nas-run status --watch`: looks at a run again and again while it goes on.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "storage/base/json.h"

namespace search::cli {

struct Watched {
  std::filesystem::path directory;
  std::chrono::duration<double> pause;
  bool json = false;                                        ///< JSON Lines
  std::function<storage::Json()> look;                      ///< what `status` tells
  std::function<std::string(const storage::Json&)> screen;  ///< for a terminal, which is drawn anew
  std::function<std::string(const storage::Json&)> line;    ///< else, each time that it changes
};

/// Returns when no run of the directory goes on, after a last look.
void watch(const Watched& watched);

}  // namespace search::cli
