#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <array>
#include <ctime>
#include <memory>

#include "search/cli/commands.h"
#include "search/cli/page_server.h"
#include "search/report/html/html_report.h"

namespace search::cli {

namespace {

using storage::Repository;

struct ServeOptions {
  std::filesystem::path directory;
  std::string host = "127.0.0.1";
  int port = 8080, refresh = 5;
};

/// What changes with each commit to the database, and when it last did.
struct State {
  std::array<std::int64_t, 6> files{};
  std::int64_t changed_s = 0;
};

State state_of(const std::filesystem::path& database) {
  State state;
  std::size_t next = 0;
  for (const char* suffix : {"", "-wal"}) {
    struct stat file {};
    if (stat((database.string() + suffix).c_str(), &file) == 0) {
      state.files[next] = static_cast<std::int64_t>(file.st_ino);
      state.files[next + 1] = file.st_size;
      state.files[next + 2] = file.st_mtim.tv_sec * 1'000'000'000 + file.st_mtim.tv_nsec;
      state.changed_s = std::max<std::int64_t>(state.changed_s, file.st_mtim.tv_sec);
    }
    next += 3;
  }
  return state;
}

/// The page, made anew where the database has changed since.
class Page {
 public:
  explicit Page(const ServeOptions& options) : options_(options) {}

  std::string get() {
    const State now = state_of(options_.directory / "experiment.db");
    if (html_.empty() || now.files != made_of_.files) {
      const Repository repository(options_.directory, Repository::Access::read);
      html_ = html_report(repository, {.refresh_s = options_.refresh, .results = options_.directory.string()});
      // A file's time is coarse: what was changed just now may change again without showing.
      made_of_ = std::time(nullptr) - now.changed_s > 2 ? now : State();
    }
    return html_;
  }

 private:
  const ServeOptions& options_;
  State made_of_;
  std::string html_;
};

int serve(const ServeOptions& options) {
  Page page(options);
  page.get();  // what is wrong with the directory is said before anything listens
  serve_page({options.host, options.port, [&page] { return page.get(); },
              [&options](int port) {
                fmt::print("http://{}:{}/\n", options.host.find(':') == std::string::npos ? options.host : "[" + options.host + "]", port);
                std::fflush(stdout);
                log("Ctrl-C ends it");
              }});
  return exit_done;
}

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ServeOptions>();
  CLI::App* command = app.add_subcommand("serve", "show the report of a run in a browser, up to date while the run goes on; read-only");
  add_directory_argument(*command, options->directory);
  command->add_option("--host", options->host, "name or address to listen at; 0.0.0.0 lets other machines read it, without a password")
      ->capture_default_str();
  command->add_option("--port", options->port, "0: any that is free")->check(CLI::Range(0, 65535))->capture_default_str();
  command->add_option("--refresh", options->refresh, "seconds after which the page asks for a new one; 0: never")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  nas-run serve results/fashion_mnist\n"
      "  nas-run serve results/fashion_mnist --port 0 --refresh 60\n"
      "From another machine: ssh -L 8080:localhost:8080 HOST nas-run serve results/fashion_mnist");
  command->callback([options, &action] { action = [options] { return serve(*options); }; });
}

}  // namespace search::cli
