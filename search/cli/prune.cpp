#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>

#include "prune/criteria/catalog.h"
#include "search/cli/request.h"
#include "search/report/lineage.h"
#include "storage/base/error.h"

namespace search::cli {

namespace {

using storage::Error;
using storage::ErrorKind;

struct PruneOptions {
  NetArguments net;
  CriterionArguments criterion;
  std::string data, of = "macs", allocation;
  std::optional<double> eta, keep;
  std::string refit;  ///< a number of images, or a folder of them
  std::optional<int> substeps;
  std::vector<std::string> limits;
  std::filesystem::path mask, output;
  bool json = false;
};

/// What scores channels by images alone, best where nothing else is known (docs/evidence.md).
constexpr const char* unlabelled_criterion = "reconstruct";
constexpr std::int64_t refit_images = 2000;

/// The key "refit" of a request; whether that names its images itself, which have no labels then.
bool put_refit(Json& request, const PruneOptions& options) {
  if (options.refit.empty()) return false;
  std::int64_t images = 0;
  const char *begin = options.refit.data(), *end = begin + options.refit.size();
  if (const auto [rest, failure] = std::from_chars(begin, end, images); failure == std::errc() && rest == end) {
    if (images < 1)
      throw Error(ErrorKind::usage, fmt::format("--refit {}: valid: a number of images from 1 on, or a folder of them", images));
    if (options.data.empty()) throw Error(ErrorKind::usage, "--refit looks at images; valid: with --data, or --refit FOLDER");
    request["refit"] = {{"images", images}};
    return false;
  }
  if (std::error_code unknown; !std::filesystem::is_directory(options.refit, unknown))
    throw Error(ErrorKind::invalid,
                fmt::format("--refit {}: no such folder; valid: a folder of images, or a number of those of --data", options.refit));
  if (!options.data.empty())
    throw Error(ErrorKind::usage, "--refit names a folder of images beside --data; valid: one of the two, and --refit N with --data");
  request["refit"] = {{"images", refit_images}, {"folder", std::filesystem::absolute(options.refit).string()}};
  return true;
}

/// The keys of a request that say what to cut.
void put_cut(Json& request, const PruneOptions& options) {
  request["limits"] = parse_options(prune::allocation_options(), options.limits, "--limit");
  const bool refits_by_folder = put_refit(request, options);
  if (options.substeps) request["substeps"] = *options.substeps;
  if (!options.mask.empty()) {
    if (!options.criterion.name.empty() || !options.criterion.options.empty() || !options.allocation.empty())
      throw Error(ErrorKind::usage, "--mask says which channels go; valid: without --criterion, --option and --allocation");
    if (!options.data.empty() && options.refit.empty())
      throw Error(ErrorKind::usage, "--data is for a refit where a mask is cut; valid: with --refit N, or without --data");
    request["mask"] = read_json(options.mask);
    request["mask_file"] = options.mask.string();
    if (options.refit.empty()) return;
    request["seed"] = options.criterion.seed;
    if (!refits_by_folder) put_data(request, options.data);
    return;
  }
  CriterionArguments criterion = options.criterion;
  if (refits_by_folder && criterion.name.empty()) criterion.name = unlabelled_criterion;
  if (criterion.name.empty())
    throw Error(ErrorKind::usage, "neither --criterion nor --mask; valid: one of the two, or --refit FOLDER, which brings a criterion");
  if (!options.eta && !options.keep)
    throw Error(ErrorKind::usage, "neither --eta nor --keep; valid: one of the two, as in --keep 0.5 --of macs");
  put_criterion(request, criterion, options.data, refits_by_folder ? prune::Looks::at_images : prune::Looks::at_weights);
  request["request"] = options.eta ? Json{{"eta", *options.eta}} : Json{{"keep", *options.keep}, {"of", options.of}};
  request["allocation"] =
      options.allocation.empty() ? prune::criterion_entry(criterion.name).default_allocation(request.at("options")) : options.allocation;
}

void print_refit(const Json& refit) {
  fmt::print("refitted on {} images", refit.at("images").get<std::int64_t>());
  if (refit.contains("accuracy")) {
    const Json& accuracy = refit.at("accuracy");
    fmt::print("; validation accuracy: {:.2f} % before the cut, {:.2f} % as cut, {:.2f} % refitted",
               100 * accuracy.at("whole").get<double>(), 100 * accuracy.at("cut").get<double>(),
               100 * accuracy.at("refitted").get<double>());
  }
  fmt::print("\n");
}

int prune_net(const PruneOptions& options) {
  Json request{{"command", "prune"}};
  put_cut(request, options);
  put_net(request, options.net);
  const std::string said = format_of(options.output);
  request["to"] = said == "onnx" || said == "python" ? said : "safetensors";
  put_output(request, options.output);
  const Json answer = ask_worker(request);
  if (!answer.at("target_reached").get<bool>()) log("the floors and caps ended the cut before its target");
  if (const Json& left = answer.at("left"); options.keep && !left.is_null() && left.get<double>() < far_below * *options.keep)
    log(fmt::format("{:.3g} of the {} are left, where {} was asked for: {}", left.get<double>(), options.of, *options.keep,
                    request.at("limits").at("round_to").get<int>() > 1 ? "round_to leaves no step between; valid: a smaller one"
                                                                       : "channels that are tied together leave no step between"));
  if (const int substeps = answer.at("substeps"); substeps > 1 && !options.json)
    log(fmt::format("cut in {} steps, each scored anew", substeps));
  if (options.json) {
    print_json(answer);
    return exit_done;
  }
  const Json& before = answer.at("before");
  fmt::print("{}: {} of {} parameters, {} of {} multiply-accumulates\n", options.output.string(), answer.at("params").get<std::int64_t>(),
             before.at("params").get<std::int64_t>(), answer.at("macs").get<std::int64_t>(), before.at("macs").get<std::int64_t>());
  if (answer.contains("latency_estimate_ms"))
    fmt::print("{:.3g} of {:.3g} ms an image, by the times of its layers here\n", answer.at("latency_estimate_ms").get<double>(),
               before.at("latency_estimate_ms").get<double>());
  if (answer.contains("sparsity")) fmt::print("{:.1f} % of the weights are 0\n", 100 * answer.at("sparsity").get<double>());
  if (answer.contains("refit")) print_refit(answer.at("refit"));
  for (const auto& [layer, remark] : answer.at("remarks").items()) fmt::print("  {}: {}\n", layer, remark.get<std::string>());
  return exit_done;
}

}  // namespace

void add_prune(CLI::App& app, Action& action) {
  const auto options = std::make_shared<PruneOptions>();
  CLI::App* command = app.add_subcommand("prune", "cut the channels of a net that matter least, or those that a mask names");
  add_net_arguments(*command, options->net);
  add_device(*command, options->net);
  add_criterion_arguments(*command, options->criterion, /*required=*/false);
  command->add_option(
      "--data", options->data,
      std::string(data_help) + "; criteria that read weights alone need none, and re-estimate batch norm where they have them");
  CLI::Option* eta = command->add_option("--eta", options->eta, "the paper's threshold, in standard deviations of a layer's scores")
                         ->check(CLI::NonNegativeNumber);
  CLI::Option* keep = command->add_option("--keep", options->keep, "the share to keep")
                          ->check(refuse_unless_above_zero)
                          ->check(CLI::Range(0.0, 1.0))
                          ->excludes(eta);
  command
      ->add_option("--of", options->of,
                   "what --keep counts; latency: the times of the layers, which are measured here first, with a thread for each core that "
                   "this may use")
      ->check(CLI::IsMember(prune::budget_names()))
      ->needs(keep)
      ->capture_default_str();
  command->add_option("--allocation", options->allocation, "how a cut is spread over the layers; the criterion has a default")
      ->check(CLI::IsMember({"eta", "greedy", "uniform"}));
  std::string limits = "key=value, of:";
  for (const storage::Option& option : prune::allocation_options())
    limits += fmt::format("\n{}: {} [{}]", option.name, option.doc, option.fallback.dump());
  command->add_option("--limit", options->limits, limits)->allow_extra_args(false);
  command->add_option(
      "--refit", options->refit,
      fmt::format("solve the weights that are left anew, so that each layer gives what it gave before the cut: no training, "
                  "no labels. A folder of images, of which up to {} are taken (the criterion is then {} if none is named), or a "
                  "number of training images of --data",
                  refit_images, unlabelled_criterion));
  command
      ->add_option("--substeps", options->substeps,
                   fmt::format("smaller cuts that make up the one to --keep, each scored anew, and refitted where that is asked for; "
                               "default: {} with --refit where less than {} is to be left, but by --allocation eta, else 1",
                               prune::deep_cut_substeps, prune::deep_cut))
      ->check(CLI::Range(1, 100))
      ->needs(keep);
  command->add_option("--mask", options->mask, "a JSON file {layer: [kept channels]}: cuts exactly this")->excludes(eta)->excludes(keep);
  command
      ->add_option("-o,--output", options->output,
                   "the cut net: a file that ends in .onnx or .py is that, any other safetensors; one that is there is replaced")
      ->required();
  command->add_flag("--json", options->json, "one JSON document, with the channels kept");
  command->footer(
      "Examples:\n"
      "  nas-run prune --weights mine.onnx --keep 0.5 --of macs --refit photos -o small.onnx\n"
      "  nas-run prune --net resnet18 --weights resnet18.safetensors --criterion l1 --keep 0.5 --of channels --limit round_to=8 -o "
      "half.safetensors\n"
      "  nas-run prune --weights base.safetensors --criterion lda --option variant=wilks --keep 0.3 \\\n"
      "      --data \"idx:/usr/share/datasets/fashion-mnist?pad=2\" --refit 2000 -o small.safetensors\n"
      "  nas-run prune --weights mine.onnx --mask mask.json -o cut.safetensors");
  command->callback([options, &action] { action = [options] { return prune_net(*options); }; });
}

}  // namespace search::cli
