#include "search/report/evidence.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "search/cli/commands.h"
#include "storage/base/file.h"

namespace search::cli {

namespace {

struct EvidenceOptions {
  std::vector<std::filesystem::path> directories;
  std::filesystem::path output;
  std::vector<int> epochs;
};

constexpr const char* kOpening = R"(# Evidence

Written by `nas-run evidence` from the runs' databases. MACs and parameters are means over seeds; epochs are all that led to a net: of
its pretraining, its base (which is also its teacher) and its retraining. As cut, batch norm (estimated anew) and refitted are validation
accuracies in % before any retraining; test accuracies are in %, ± half of the 95 % interval. The last columns are leads over controls in
points, paired over the seeds, with 95 % intervals that are not corrected for their number; in bold where they exclude 0.
)";

constexpr const char* kAfter =
    R"(After so many epochs of a retraining, and of the net that was taken from it in the end, are validation accuracies too.
)";

int print_evidence(const EvidenceOptions& options) {
  if (!options.output.empty()) check_output(options.output);
  std::string text = kOpening;
  if (!options.epochs.empty()) text += kAfter;
  for (const std::filesystem::path& directory : options.directories) {
    const storage::Repository repository(directory, storage::Repository::Access::read);
    text += "\n" + evidence(repository, read_snapshot(repository), options.epochs);
  }
  if (options.output.empty())
    fmt::print("{}", text);
  else
    storage::write_file(options.output, text);
  return exit_done;
}

}  // namespace

void add_evidence(CLI::App& app, Action& action) {
  const auto options = std::make_shared<EvidenceOptions>();
  CLI::App* command =
      app.add_subcommand("evidence", "what runs show, as Markdown: every net over seeds, its cost, its lead over the controls");
  command->add_option("DIR", options->directories, "results directories")->required();
  command->add_option("-o,--output", options->output, "the file to write; default: stdout");
  command
      ->add_option("--after", options->epochs,
                   "epochs of retraining, as in 1,5: validation accuracies of cut nets after them too, and of the nets taken in the end")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(refuse_unless_above_zero);
  command->footer(
      "Examples:\n"
      "  nas-run evidence results/fashion_mnist\n"
      "  nas-run evidence results/fashion_mnist results/flowers17 -o evidence.md\n"
      "  nas-run evidence results/flowers17 --after 1,5                       how the retraining went");
  command->callback([options, &action] { action = [options] { return print_evidence(*options); }; });
}

}  // namespace search::cli
