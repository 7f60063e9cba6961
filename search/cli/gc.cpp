#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "eval/data/image_cache.h"
#include "search/cli/commands.h"
#include "storage/base/error.h"

namespace search::cli {

namespace {

struct Options {
  bool images = false, dry_run = false, json = false;
};

int collect_images(const Options& options) {
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
  message(fmt::format("{} MiB of decoded images in {} {}", bytes >> 20, eval::image_cache_folder().string(),
                      options.dry_run ? "would be removed" : "removed"));
  return exit_done;
}

int collect(const Options& options) {
  if (options.images) return collect_images(options);
  throw storage::Error(storage::ErrorKind::usage, "nothing to remove is named; valid: --images");
}

}  // namespace

void add_gc(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("gc", "remove what can be made again");
  command->add_flag("--images", options->images, "the cache of decoded images, which every experiment fills again as it needs");
  command->add_flag("-n,--dry-run", options->dry_run, "list it; nothing is removed");
  command->add_flag("--json", options->json, "one JSON document");
  command->footer("Example:\n  nas-run gc --images -n");
  command->callback([options, &action] { action = [options] { return collect(*options); }; });
}

}  // namespace search::cli
