// What the commands on one net share: their arguments, and the question to nas-worker, which has LibTorch.
#pragma once

#include <string>
#include <vector>

#include "prune/criteria/catalog.h"
#include "search/cli/commands.h"

namespace search::cli {

/// `--net NAME --classes N --input C,H,W --width W --layout L`, or `--spec FILE`, and `--weights FILE`.
struct NetArguments {
  std::string name;
  int classes = 1000;
  std::vector<int> input{3, 224, 224};
  double width = 1;
  std::string layout = "automatic";
  std::string device = "cpu";
  std::filesystem::path spec, weights;
  std::vector<float> mean, deviation;  ///< of the pixels that the net takes; empty: as its file says
  std::vector<std::string> given;      ///< which of --classes, --input, --width and --layout were given
};

/// --classes, --input, --width and --layout.
void add_net_options(CLI::App& command, NetArguments& arguments);
/// --net, --spec and --weights, and the options above.
void add_net_arguments(CLI::App& command, NetArguments& arguments);

/// {"name", "classes", "input", ...} as nets are made from.
Json to_json(const NetArguments& arguments);

/// Throws storage::Error(usage) where there is no such net, or none of these options.
eval::NetSpec make_net(const NetArguments& arguments);

/// The file's JSON. Throws storage::Error(invalid) where it cannot be read or holds none.
Json read_json(const std::filesystem::path& file);

/// Adds --device, where a command computes with the net.
void add_device(CLI::App& command, NetArguments& arguments);

/// The keys "net" or "spec", "weights" and "device" of a request. Throws storage::Error(invalid) for a spec that is none.
void put_net(Json& request, const NetArguments& arguments);

/// "cifar100:DIR?target=coarse&split=test" (or attribute=Smiling, the same as target): the keys "data" (checked settings of the format),
/// "target" and "split" ("" where they are not given) of a request. Relative paths start at the current directory. Throws
/// storage::Error(invalid) for an unknown format, option, target or split.
void put_data(Json& request, const std::string& text);
constexpr const char* data_help = "the images: FORMAT:PLACE?option=value&..., as in idx:/usr/share/datasets/fashion-mnist?pad=2";

/// `--criterion NAME --option key=value --seed N`.
struct CriterionArguments {
  std::string name;
  std::vector<std::string> options;
  std::uint64_t seed = 1;
};

/// --images is short for the option of that name.
void add_criterion_arguments(CLI::App& command, CriterionArguments& arguments, bool required);

/// The keys "criterion", "options", "seed" and "data" of a request. Throws storage::Error: no such criterion or option, or no data where it
/// looks at some. `has`: what there is besides "data".
void put_criterion(Json& request, const CriterionArguments& arguments, const std::string& data,
                   prune::Looks has = prune::Looks::at_weights);

/// "python", "onnx", "safetensors", "torchscript", "json", "csv" or "jsonl", as the file's end says; "" where it says none of them.
std::string format_of(const std::filesystem::path& output);

/// Adds --end-to-end, for --to torchscript and onnx.
void add_end_to_end(CLI::App& command, bool& end_to_end);

/// Throws storage::Error(usage) where --end-to-end is given and the format is not one of a net that runs.
void check_end_to_end(bool end_to_end, const std::string& format);

/// Adds --opset, for --to onnx; 0: not given.
void add_opset(CLI::App& command, int& opset);

/// The key "opset" of a request, where one is given. Throws storage::Error(usage) where the format is not onnx.
void put_opset(Json& request, int opset, const std::string& format);

/// The key "output" of a request. Throws storage::Error(usage) where that is a folder, or no .py file where "to" is python.
void put_output(Json& request, const std::filesystem::path& output);

/// "key=value" of each `--option`, checked against the table; defaults filled in. Throws storage::Error(usage).
Json parse_options(const storage::Options& table, const std::vector<std::string>& given, const std::string& where);

/// Asks nas-worker, on so many threads; 0: as OMP_NUM_THREADS says, else all cores. Rethrows the error that it answers with.
Json ask_worker(const Json& request, int threads = 0);

}  // namespace search::cli
