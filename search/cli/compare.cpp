#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "search/cli/commands.h"
#include "search/report/comparison.h"
#include "storage/repository.h"

namespace search::cli {

namespace {

struct CompareOptions {
  std::filesystem::path directory;
  std::string against;
  bool json = false;
};

/// A comparison as cells of text.
Json cells(const Json& row) {
  const bool accuracy = row.at("measure") == "accuracy_test";
  const auto shown = [&](const Json& value) -> std::string {
    if (value.is_null()) return "";
    return accuracy ? fmt::format("{:+.2f}", value.get<double>()) : fmt::format("{:.3g}", value.get<double>());
  };
  const int n = row.at("n"), unmatched = row.at("unmatched");
  const auto ratio = [&](const char* size) { return row.at(size).is_null() ? "" : fmt::format("{:.3g}", row.at(size).get<double>()); };
  const std::string difference = shown(row.at("difference"));
  return {{"task", row.at("task")},
          {"net", row.at("net")},
          {"at equal", row.at("budget")},
          {"one", row.at("one")},
          {"other", row.at("other")},
          {"seeds", unmatched == 0 ? std::to_string(n) : fmt::format("{} of {}", n, n + unmatched)},
          {"difference", accuracy || difference.empty() ? difference : difference + " x MACs"},
          {"95 %", row.at("low").is_null() ? "" : fmt::format("{} to {}", shown(row.at("low")), shown(row.at("high")))},
          {"p", fmt::format("{:.3f}", row.at("p_corrected").get<double>())},
          {"MACs", ratio("macs_ratio")},
          {"params", ratio("params_ratio")},
          {"better", row.at("verdict")}};
}

void print_family(const Json& rows, const std::string& title) {
  if (rows.empty()) return;
  Json table = Json::array();
  for (const Json& row : rows) table.push_back(cells(row));
  const auto decided = std::count_if(
      rows.begin(), rows.end(), [](const Json& row) { return row.at("verdict") == row.at("one") || row.at("verdict") == row.at("other"); });
  fmt::print("{}: {} comparisons, {} decided\n{}\n", title, rows.size(), decided,
             to_text(table, {"task", "net", "at equal", "one", "other", "seeds", "difference", "95 %", "p", "MACs", "params", "better"}));
}

int compare(const CompareOptions& options) {
  const storage::Repository repository(options.directory, storage::Repository::Access::read);
  const Json rows = to_json(search::compare(measured_nets(read_snapshot(repository)), options.against));
  if (options.json) {
    print_json({{"significance", kSignificance}, {"correction", "holm"}, {"comparisons", rows}});
    return exit_done;
  }
  print_family(rows_where(rows, "family", "criteria"), "Criteria after the last cut of a schedule");
  print_family(rows_where(rows, "family", "baselines"), "Cut nets, chosen on validation data, against nets trained from scratch");
  fmt::print(
      "Differences are of test accuracy in points, one - other, or ratios of MACs, paired over seeds and folds. Intervals are 95 %;\n"
      "p, of Student's t test, of ratios and of equal differences of the sign test, is corrected for the comparisons of its table (Holm); "
      "above {} the data do not "
      "say. MACs and params are one / other. Of seeds as in 7 of 10 the others have no cut net of the budget: for the sign test, as "
      "larger.\n",
      kSignificance);
  return exit_done;
}

}  // namespace

void add_compare(CLI::App& app, Action& action) {
  const auto options = std::make_shared<CompareOptions>();
  CLI::App* command = app.add_subcommand("compare", "who beats whom at equal budget, by how much, and where the data do not say");
  add_directory_argument(*command, options->directory);
  command->add_option("--against", options->against,
                      "only comparisons with this criterion or baseline, named as here or by nas-run trials; fewer need less correction");
  command->add_flag("--json", options->json, "one JSON document");
  command->footer(
      "Examples:\n"
      "  nas-run compare results/fashion_mnist\n"
      "  nas-run compare results/fashion_mnist --against lda-wilks --json");
  command->callback([options, &action] { action = [options] { return compare(*options); }; });
}

}  // namespace search::cli
