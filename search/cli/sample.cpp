#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <memory>

#include "eval/samples/sample.h"
#include "search/cli/commands.h"

namespace search::cli {

namespace {

struct SampleOptions {
  std::string name;
  std::filesystem::path directory;
  std::optional<std::int64_t> images;
  std::optional<int> size;
  std::uint64_t seed = 1;
  bool json = false;
};

std::atomic<int> stop_signal{0};  // a signal handler reaches nothing but a global

void request_stop(int signal) {
  stop_signal = signal;
}

std::string list_samples() {
  std::string list;
  for (const eval::SampleEntry& entry : eval::sample_registry())
    list += fmt::format("  {:<10}{}; {} images of {} pixels by default\n", entry.name, entry.doc, entry.images, entry.size);
  return list;
}

int sample(const SampleOptions& options) {
  const eval::SampleEntry& entry = eval::sample_entry(options.name);
  eval::SampleRequest request = eval::make_request(entry, options.images, options.size, options.seed);
  request.stopped = [] { return stop_signal != 0; };
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, request_stop);
  if (!eval::draw_sample(entry, request, options.directory)) {
    log("interrupted; nothing is left of it");
    return 128 + stop_signal;
  }
  const std::string root = std::filesystem::absolute(options.directory).lexically_normal().string();
  if (options.json) {
    print_json({{"name", entry.name},
                {"images", request.images},
                {"size", request.size},
                {"seed", request.seed},
                {"version", eval::drawing_version},
                {"data", {{"format", entry.format}, {"root", root}}}});
    return exit_done;
  }
  fmt::print("{} images of {} pixels in {}\n", request.images, request.size, options.directory.string());
  fmt::print("in an experiment: data: {{{}: {{format: {}, root: \"{}\"}}}}\n", entry.name, entry.format, root);
  return exit_done;
}

}  // namespace

void add_sample(CLI::App& app, Action& action) {
  const auto options = std::make_shared<SampleOptions>();
  CLI::App* command =
      app.add_subcommand("sample", "draw a synthetic dataset in the layout of a real one, to try things without its licence");
  command->add_option("NAME", options->name, "which; see below")->required();
  command->add_option("-o,--output", options->directory, "the folder that it becomes; not there yet, or empty")->required();
  command->add_option("--images", options->images, "how many, over all splits");
  command->add_option("--size", options->size, "pixels a side, of the shorter one where they differ");
  command->add_option("--seed", options->seed, "the same seed draws the same bytes")->capture_default_str();
  command->add_flag("--json", options->json, "one JSON document");
  command->footer("Samples:\n" + list_samples() + "Example:\n  nas-run sample adience -o data/adience_sample --images 2000 --size 128");
  command->callback([options, &action] { action = [options] { return sample(*options); }; });
}

}  // namespace search::cli
