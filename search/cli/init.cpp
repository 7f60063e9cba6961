#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <memory>

#include "eval/cost.h"
#include "eval/data/dataset.h"
#include "eval/data/image_dataset.h"
#include "eval/data/image_decode.h"
#include "eval/data/image_header.h"
#include "eval/nets/registry.h"
#include "search/cli/commands.h"
#include "search/cli/draft.h"
#include "search/cli/printable.h"
#include "search/cli/request.h"
#include "search/plan/strategy.h"
#include "search/run/machine.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/shell.h"

namespace search::cli {

namespace {

using storage::Error;
using storage::ErrorKind;

struct InitOptions {
  std::filesystem::path folder, output;
  int minutes = 20;
  bool json = false;
};

/// How the experiment names the folder: from its own place, or absolute where that would lead upwards.
std::string root_for(const std::filesystem::path& folder, const std::filesystem::path& output) {
  const std::filesystem::path absolute = std::filesystem::absolute(folder).lexically_normal();
  const std::filesystem::path relative = absolute.lexically_relative(std::filesystem::absolute(output).lexically_normal().parent_path());
  const std::string root = relative.empty() || *relative.begin() == ".." ? absolute.string() : relative.string();
  if (root.find("${") != std::string::npos)
    throw Error(ErrorKind::usage, fmt::format("{}: a name with '${{' cannot stand in an experiment; valid: another name", root));
  return root;
}

std::string name_of(const std::filesystem::path& folder) {
  return std::filesystem::absolute(folder / ".").lexically_normal().parent_path().filename();
}

/// A name of an experiment, from that of a folder or a file.
std::string name_from(std::string name) {
  name = name.substr(0, 64);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_' && c != '.'; }, '_');
  return !name.empty() && std::isalnum(static_cast<unsigned char>(name.front())) != 0 ? name : "images";
}

/// The folder as data at a size.
Json settings_of(const FolderFacts& facts, const std::filesystem::path& folder, int size) {
  return {{"format", "folder"},
          {"root", std::filesystem::absolute(folder).lexically_normal().string()},
          {"size", size},
          {"gray", facts.gray},
          {"bad_images", "skip"}};
}

/// Reads the headers of up to 1000 files, evenly over the folder: `facts` get their sides and whether they are grey.
void read_sides(const std::filesystem::path& folder, const std::vector<std::string>& files, FolderFacts& facts) {
  std::vector<int> sides;
  facts.gray = true;
  const std::size_t step = std::max<std::size_t>(1, files.size() / 1000);
  for (std::size_t i = 0; i < files.size(); i += step) {
    const std::optional<eval::ImageHeader> header = eval::read_image_header(storage::read_file(folder / files[i]));
    if (!header) continue;
    sides.push_back(std::min(header->width, header->height));
    facts.gray = facts.gray && header->gray;
  }
  if (sides.empty())
    throw Error(ErrorKind::invalid, fmt::format("{}: no file is a {} that can be read", folder.string(), eval::image_formats()));
  std::sort(sides.begin(), sides.end());
  facts.least_side = sides.front();
  facts.median_side = sides[sides.size() / 2];
  facts.most_side = sides.back();
}

/// Images of each class, and what is broken; decodes the files at the size that the experiment has, which its run then need not do.
void count_images(const std::filesystem::path& folder, int size, FolderFacts& facts) {
  const std::unique_ptr<eval::Dataset> data = open_with_progress("images", settings_of(facts, folder, size), "", 0);
  std::vector<std::int64_t> counts(data->class_names().size());
  for (const eval::Split split : eval::all_splits)
    for (const std::int64_t image : data->split(split)) ++counts[static_cast<std::size_t>(data->labels()[static_cast<std::size_t>(image)])];
  facts.classes.clear();
  for (std::size_t c = 0; c < counts.size(); ++c) facts.classes.push_back(fmt::format("{} ({})", data->class_names()[c], counts[c]));
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  facts.imbalanced = *most > 3 * *least;
  facts.broken = data->left_out().size();
  log_left_out("images", data->left_out());
}

eval::NetSpec net_of(const Candidate& candidate, const FolderFacts& facts, int classes) {
  return eval::make_net(draft_net,
                        {.width = candidate.width, .classes = classes, .input = {facts.gray ? 1 : 3, candidate.size, candidate.size}});
}

/// From the largest and widest to the smallest and narrowest.
std::vector<Candidate> candidates_for(const FolderFacts& facts, int classes) {
  std::vector<Candidate> candidates;
  for (const int size : draft_sizes(facts.median_side))
    for (const double width : {1.0, 0.5, 0.25}) {
      Candidate& candidate = candidates.emplace_back(Candidate{size, width});
      candidate.macs = static_cast<double>(eval::cost(net_of(candidate, facts, classes)).macs);
    }
  return candidates;
}

/// Measures on one slot how many images a second train.
double measure(const Candidate& candidate, const FolderFacts& facts, int classes, int batch, int threads) {
  const Json answer = ask_worker(
      {{"command", "speed"}, {"spec", eval::to_json(net_of(candidate, facts, classes))}, {"batch", batch}, {"seconds", 1.0}}, threads);
  return answer.at("images_per_s");
}

/// The cost of the whole plan of a draft with so many epochs, in multiply-accumulates.
double planned_macs(Draft draft, const FolderFacts& facts, const std::filesystem::path& output, int epochs) {
  draft.epochs = epochs;
  draft.seeds = 1;
  const storage::TemporaryNeighbour file(output);
  storage::write_file(file.path(), to_yaml(draft, facts));
  const Experiment experiment = load_experiment(file.path());
  double macs = 0;
  for (const Stage& stage : make_strategy(experiment.strategy)->next(experiment, {}).stages) macs += stage.cost;
  return macs;
}

PlanCost plan_cost(const Draft& draft, const FolderFacts& facts, const std::filesystem::path& output) {
  constexpr int few = 8, many = 40, passes = 3;  // a training pass: forward, and the gradients of activations and weights
  const double of_pass = draft.base.macs * passes * static_cast<double>(facts.train);
  const double at_few = planned_macs(draft, facts, output, few) / of_pass, at_many = planned_macs(draft, facts, output, many) / of_pass;
  const double per_epoch = (at_many - at_few) / (many - few);
  return {at_few - few * per_epoch, per_epoch};
}

/// Chooses the first candidate that trains well in the time: by the rate of one that is measured, then by its own.
PlanCost choose_base(Draft& draft, const FolderFacts& facts, int classes, int threads, const std::filesystem::path& output) {
  const std::vector<Candidate> candidates = candidates_for(facts, classes);
  draft.base = candidates[candidates.size() / 2];
  const PlanCost cost = plan_cost(draft, facts, output);
  double macs_per_s = draft.base.macs * measure(draft.base, facts, classes, draft.batch, threads);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    draft.base = candidates[i];
    draft.images_per_s = macs_per_s / draft.base.macs;
    if (!fit_to_time(draft, cost, facts.train) && i + 1 < candidates.size()) continue;
    draft.images_per_s = measure(draft.base, facts, classes, draft.batch, threads);
    macs_per_s = draft.base.macs * draft.images_per_s;
    if (fit_to_time(draft, cost, facts.train)) break;
  }
  return cost;
}

void refuse_existing(const std::filesystem::path& output) {
  std::error_code unknown;
  if (std::filesystem::exists(output, unknown))
    throw Error(ErrorKind::usage, fmt::format("{} is there already; valid: another file with -o", output.string()));
}

int init(InitOptions options) {
  const std::string name = name_from(options.output.empty() ? name_of(options.folder) : options.output.stem().string());
  if (options.output.empty()) options.output = name + ".yaml";
  check_output(options.output);
  refuse_existing(options.output);
  FolderFacts facts{.root = root_for(options.folder, options.output)};
  const eval::DatasetInfo info = eval::describe_dataset(settings_of(facts, options.folder, 32));
  facts.images = info.images;
  facts.train = info.train;
  std::vector<eval::LeftOut> unread;  // which the experiment will leave out
  read_sides(options.folder, eval::list_images(options.folder, unread), facts);

  Draft draft{.name = name, .minutes = options.minutes, .batch = draft_batch(info.train)};
  const std::vector<Slot> slots = plan_slots(Resources{}, require_worker());
  draft.slots = static_cast<int>(slots.size());
  const PlanCost cost = choose_base(draft, facts, info.classes, slots.front().threads, options.output);
  count_images(options.folder, draft.base.size, facts);
  storage::write_file(options.output, to_yaml(draft, facts));
  load_experiment(options.output);

  const double minutes = seconds_of(draft, cost, facts.train) / 60;
  if (options.json) {
    print_json({{"experiment", options.output.string()},
                {"images", facts.images},
                {"classes", info.classes},
                {"size", draft.base.size},
                {"net", draft_net},
                {"width", draft.base.width},
                {"epochs", draft.epochs},
                {"seeds", draft.seeds},
                {"images_per_s", draft.images_per_s},
                {"minutes", minutes}});
    return exit_done;
  }
  fmt::print("{}: {} images of {} classes at {} pixels; {} at width {}, {} epochs, {} seeds: about {:.0f} minutes on {} slots\n",
             printable(options.output.string()), facts.images, info.classes, draft.base.size, draft_net, draft.base.width, draft.epochs,
             draft.seeds, std::max(1.0, minutes), draft.slots);
  fmt::print("look:  nas-run validate {0}\nrun:   nas-run {0}\n", storage::shell_quoted(options.output.string()));
  return exit_done;
}

}  // namespace

void add_init(CLI::App& app, Action& action) {
  const auto options = std::make_shared<InitOptions>();
  CLI::App* command =
      app.add_subcommand("init", "write an experiment for a folder of images: by what they are, and by what trains here in the time given");
  command->add_option("FOLDER", options->folder, "a folder a class, or train/, val/ and test/ with such folders")->required();
  command->add_option(
      "-o,--output", options->output,
      "the experiment, whose name is that of the file; default: FOLDER's name with .yaml, here, with _ for what is no letter "
      "or digit of ASCII, -, _ or .. A file that is there is refused");
  command->add_option("--minutes", options->minutes, "what the run may take, about")->check(CLI::Range(1, 100'000))->capture_default_str();
  command->add_flag("--json", options->json, "one JSON document: what was chosen");
  command->footer(
      "Examples:\n"
      "  nas-run init photos && nas-run photos.yaml\n"
      "  nas-run init photos --minutes 240 -o photos_long.yaml");
  command->callback([options, &action] { action = [options] { return init(*options); }; });
}

}  // namespace search::cli
