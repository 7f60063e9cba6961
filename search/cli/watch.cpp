#include "search/cli/watch.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <thread>

#include "search/cli/commands.h"
#include "search/cli/printable.h"
#include "storage/base/file.h"

namespace search::cli {

namespace {

/// As many whole lines as the terminal holds, each cut to its width, so that the next drawing begins where this one did.
std::string fitted(const std::string& text) {
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 && size.ws_col > 0;
  std::size_t rows = known ? size.ws_row - 1U : 23, columns = known ? size.ws_col : 80;
  std::string shown;
  for (std::size_t begin = 0; begin < text.size() && rows > 0; --rows) {
    const std::size_t end = text.find('\n', begin);
    shown += text.substr(begin, std::min(end - begin, columns)) + "\n";
    begin = end == std::string::npos ? text.size() : end + 1;
  }
  return shown;
}

std::string clock_time() {
  const std::time_t now = std::time(nullptr);
  return fmt::format("{:%H:%M:%S}", fmt::localtime(now));
}

}  // namespace

void watch(const Watched& watched) {
  constexpr const char* clear_screen = "\x1b[H\x1b[2J";
  const bool terminal = isatty(STDOUT_FILENO) != 0 && !wants_plain_lines();
  std::string last;
  for (bool goes_on = true; goes_on;) {
    goes_on = storage::is_locked(watched.directory / "run.lock");  // before the look, which then sees the end
    const Json status = watched.look();
    const std::string line = watched.line(status);
    if (watched.json) {
      if (line != last) fmt::print("{}\n", status.dump(-1, ' ', false, Json::error_handler_t::replace));
    } else if (terminal) {
      const std::string head = fmt::format("{}  {}  {}\n\n", clock_time(), watched.directory.string(),
                                           goes_on ? "a run goes on; Ctrl-C ends the watch, not the run" : "no run goes on");
      fmt::print("{}{}", clear_screen, fitted(printable(head + watched.screen(status))));
    } else if (line != last) {
      fmt::print("{}  {}\n", clock_time(), printable(line));
    }
    flush_stdout();
    last = line;
    if (goes_on) std::this_thread::sleep_for(watched.pause);
  }
}

}  // namespace search::cli
