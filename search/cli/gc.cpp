#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "eval/data/image_cache.h"
#include "search/cli/commands.h"
#include "search/report/retention.h"
#include "storage/base/error.h"
#include "storage/base/file.h"

namespace search::cli {

namespace {

struct GcOptions {
  std::filesystem::path directory;
  std::string keep;
  bool images = false, dry_run = false, json = false;
};

std::string removal(bool dry_run) {
  return dry_run ? "would be removed" : "removed";
}

/// Removes what the rule does not keep, while no run of the directory goes on.
int collect_files(const GcOptions& options) {
  const storage::Repository repository(options.directory, storage::Repository::Access::read);
  std::optional<storage::FileLock> lock;
  if (!options.dry_run) lock.emplace(options.directory / "run.lock");
  Json rows = Json::array();
  std::int64_t bytes = 0;
  for (const RemovableFile& each : removable_files(repository, options.directory, options.keep)) {
    rows.push_back({{"file", each.file.string()}, {"bytes", each.bytes}, {"what", each.what}});
    bytes += each.bytes;
    if (!options.dry_run) std::filesystem::remove(each.file);
  }
  if (options.json) {
    print_json({{"files", rows}, {"bytes", bytes}, {"removed", !options.dry_run}});
    return exit_done;
  }
  fmt::print("{}", to_text(rows, {"bytes", "what", "file"}));
  log(fmt::format("{} files, {} MiB, {}; rows of the database stay", rows.size(), bytes >> 20, removal(options.dry_run)));
  return exit_done;
}

int collect_images(const GcOptions& options) {
  Json rows = Json::array();
  std::int64_t bytes = 0;
  for (const eval::CachedSet& set : eval::cached_sets()) {
    rows.push_back({{"file", set.file.string()}, {"MiB", set.bytes >> 20}, {"images", set.images}, {"made_from", set.root}});
    bytes += set.bytes;
    if (!options.dry_run) eval::remove_cached(set);
  }
  if (options.json) {
    print_json({{"sets", rows}, {"bytes", bytes}, {"removed", !options.dry_run}});
    return exit_done;
  }
  fmt::print("{}", to_text(rows, {"MiB", "images", "made_from", "file"}));
  log(fmt::format("{} MiB of decoded images in {} {}", bytes >> 20, eval::image_cache_folder().string(), removal(options.dry_run)));
  return exit_done;
}

int collect(const GcOptions& options) {
  if (!options.directory.empty() && options.keep.empty())
    throw storage::Error(storage::ErrorKind::usage,
                         fmt::format("what to keep is not said; valid: --keep {}", fmt::join(keep_rules(), "|")));
  if (!options.directory.empty()) return collect_files(options);
  if (options.images) return collect_images(options);
  throw storage::Error(storage::ErrorKind::usage, "nothing to remove is named; valid: DIR --keep RULE, or --images");
}

}  // namespace

void add_gc(CLI::App& app, Action& action) {
  const auto options = std::make_shared<GcOptions>();
  CLI::App* command = app.add_subcommand("gc", "remove what can be made again");
  CLI::Option* directory = command->add_option("DIR", options->directory, "a results directory");
  command
      ->add_option(
          "--keep", options->keep,
          "whose weights stay: all (of stages), pareto (of nets that no other beats), reported (of nets measured on test data), none; "
          "what a stage still to run needs always stays")
      ->check(CLI::IsMember(keep_rules()))
      ->needs(directory);
  command->add_flag("--images", options->images, "the cache of decoded images, which every experiment fills again as it needs")
      ->excludes(directory);
  command->add_flag("-n,--dry-run", options->dry_run, "list it; nothing is removed");
  command->add_flag("--json", options->json, "one JSON document");
  command->footer(
      "Examples:\n"
      "  nas-run gc results/fashion_mnist --keep pareto -n\n"
      "  nas-run gc --images -n\n"
      "Where a later stage needs weights that were removed, nas-run makes them again.");
  command->callback([options, &action] { action = [options] { return collect(*options); }; });
}

}  // namespace search::cli
