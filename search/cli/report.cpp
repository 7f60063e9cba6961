#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "search/cli/commands.h"
#include "search/report/html/html_report.h"
#include "storage/base/file.h"

namespace search::cli {

namespace {

using storage::Repository;

struct ReportOptions {
  std::filesystem::path directory, output;
};

int write_report(const ReportOptions& options) {
  const std::filesystem::path output = options.output.empty() ? options.directory / "report.html" : options.output;
  if (!options.output.empty()) check_output(output);
  const std::string page =
      html_report(Repository(options.directory, Repository::Access::read), {.refresh_s = 0, .results = options.directory.string()});
  storage::write_file(output, page);
  log(fmt::format("{}, {:.1f} MB", output.string(), static_cast<double>(page.size()) / 1e6));
  return exit_done;
}

}  // namespace

void add_report(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* command = app.add_subcommand("report", "write a page with the charts and tables of a run: one file that needs no network");
  add_directory_argument(*command, options->directory);
  command->add_option("-o,--output", options->output, "the page; default: DIR/report.html");
  command->footer(
      "Examples:\n"
      "  nas-run report results/fashion_mnist\n"
      "  nas-run report results/fashion_mnist -o report.html");
  command->callback([options, &action] { action = [options] { return write_report(*options); }; });
}

}  // namespace search::cli
