#include "search/cli/request.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <map>

#include "eval/data/dataset.h"
#include "eval/formats/weights_identity.h"
#include "eval/nets/registry.h"
#include "prune/criteria/catalog.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/named.h"

namespace search::cli {

using storage::Error;
using storage::ErrorKind;

namespace {

std::pair<std::string, std::string> split_at(const std::string& text, char mark) {
  const std::size_t at = text.find(mark);
  return at == std::string::npos ? std::pair(text, std::string()) : std::pair(text.substr(0, at), text.substr(at + 1));
}

const storage::Option& option_named(const storage::Options& table, const std::string& name, const std::string& where) {
  return storage::find_named(table, name, where + ": option", &storage::Option::name);
}

Json parse_value(const storage::Option& option, const std::string& text, const std::string& where) {
  try {
    return storage::parse_option(option, text);
  } catch (const Error& error) {
    throw Error(ErrorKind::invalid, fmt::format("{}: {}: {}", where, option.name, error.what()));
  }
}

/// What the command line says wrongly is a matter of its usage.
template <typename Check>
auto as_usage(const Check& check) {
  try {
    return check();
  } catch (const Error& error) {
    throw Error(error.kind() == ErrorKind::invalid ? ErrorKind::usage : error.kind(), error.what());
  }
}

}  // namespace

void add_net_options(CLI::App& command, NetArguments& arguments) {
  CLI::Option* classes = command.add_option("--classes", arguments.classes, "classes that the net tells apart");
  CLI::Option* input =
      command.add_option("--input", arguments.input, "channels, height and width of an image; of an ONNX file, where it leaves them free");
  CLI::Option* width = command.add_option("--width", arguments.width, "factor of every channel count");
  CLI::Option* layout = command.add_option("--layout", arguments.layout,
                                           "imagenet: the published stem; small: for images of 28 to 64 pixels; automatic: small below 96");
  classes->check(CLI::Range(1, 100'000))->capture_default_str();
  input->delimiter(',')->expected(3)->capture_default_str();
  width->capture_default_str();
  layout->check(CLI::IsMember({"automatic", "imagenet", "small"}))->capture_default_str();
  for (CLI::Option* option : {classes, input, width, layout})
    option->each([&arguments, name = option->get_name()](const std::string&) {
      if (arguments.given.empty() || arguments.given.back() != name) arguments.given.push_back(name);
    });
}

void add_device(CLI::App& command, NetArguments& arguments) {
  command.add_option("--device", arguments.device, "where the net is: cpu, or cuda, the first GPU")
      ->capture_default_str()
      ->check(CLI::IsMember({"cpu", "cuda"}));
}

void add_net_arguments(CLI::App& command, NetArguments& arguments) {
  CLI::Option* net = command.add_option("--net", arguments.name, "a net of `nas-run nets`");
  command.add_option("--spec", arguments.spec, "a net as a JSON file, as `nas-run export --to json` writes it")->excludes(net);
  command.add_option("--weights", arguments.weights, "safetensors (with torchvision's names; one of nas-run says its net itself) or ONNX")
      ->required();
  CLI::Option* mean =
      command.add_option("--mean", arguments.mean,
                         "of each colour in [0, 1], taken from pixels before the net sees them, where its file does not say; as in "
                         "0.485,0.456,0.406");
  CLI::Option* deviation =
      command.add_option("--deviation", arguments.deviation, "by which they are divided then, as in 0.229,0.224,0.225");
  for (CLI::Option* option : {mean, deviation}) option->delimiter(',')->expected(1, 3);
  mean->needs(deviation);
  deviation->needs(mean);
  add_net_options(command, arguments);
}

Json to_json(const NetArguments& arguments) {
  return {{"name", arguments.name},
          {"classes", arguments.classes},
          {"input", arguments.input},
          {"width", arguments.width},
          {"layout", arguments.layout}};
}

Json read_json(const std::filesystem::path& file) {
  Json json = Json::parse(storage::read_file(file), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw Error(ErrorKind::invalid, fmt::format("{}: is no JSON", file.string()));
  return json;
}

eval::NetSpec make_net(const NetArguments& arguments) {
  return as_usage([&] { return eval::make_net(arguments.name, eval::net_options_from_json(to_json(arguments))); });
}

void put_net(Json& request, const NetArguments& arguments) {
  request["weights"] = std::filesystem::absolute(arguments.weights).string();
  request["device"] = arguments.device;
  if (!arguments.mean.empty()) request["pixels"] = {{"mean", arguments.mean}, {"deviation", arguments.deviation}};
  if (arguments.given == std::vector<std::string>{"--input"} && arguments.spec.empty() && eval::is_onnx(arguments.weights)) {
    request["input"] = arguments.input;  // what the file leaves free
    return;
  }
  if (arguments.name.empty() && !arguments.given.empty())
    throw Error(ErrorKind::usage,
                fmt::format("{}: only of a net that --net names; {} says its net itself, with its classes and its input",
                            fmt::join(arguments.given, ", "), (arguments.spec.empty() ? arguments.weights : arguments.spec).string()));
  if (!arguments.name.empty()) {
    make_net(arguments);  // fails here, before LibTorch is loaded
    request["net"] = to_json(arguments);
  }
  if (arguments.spec.empty()) return;
  request["spec"] = eval::to_json(describe_net_json(arguments.spec));
  if (const Json file = read_json(arguments.spec); file.contains("info")) request["info"] = file.at("info");
}

void put_data(Json& request, const std::string& text) {
  const auto [place, query] = split_at(text, '?');
  const auto [format, path] = split_at(place, ':');
  const eval::DatasetEntry& entry = eval::dataset_entry(format);
  const std::string where = fmt::format("--data {}", text);
  Json settings = Json::object();
  request["target"] = request["split"] = "";
  if (!path.empty()) {
    const auto is_path = [](const storage::Option& option) { return option.kind == storage::OptionKind::path; };
    settings[std::find_if(entry.options.begin(), entry.options.end(), is_path)->name] = std::filesystem::absolute(path).string();
  }
  for (std::string rest = query; !rest.empty();) {
    const auto [pair, after] = split_at(rest, '&');
    const auto [key, value] = split_at(pair, '=');
    if (key == "split")
      request["split"] = eval::to_string(eval::split_from_string(value));
    else if (key == "target" || key == "attribute")
      request["target"] = value;
    else
      settings[key] = parse_value(option_named(entry.options, key, where), value, where);
    rest = after;
  }
  settings = storage::check_options(entry.options, settings, where);
  settings["format"] = format;
  eval::describe_dataset(settings, request.at("target"));  // fails here, before LibTorch is loaded
  request["data"] = std::move(settings);
}

Json parse_options(const storage::Options& table, const std::vector<std::string>& given, const std::string& where) {
  return as_usage([&] {
    Json values = Json::object();
    for (const std::string& text : given) {
      const auto [key, value] = split_at(text, '=');
      values[key] = parse_value(option_named(table, key, where), value, where);
    }
    return storage::check_options(table, values, where);
  });
}

void add_criterion_arguments(CLI::App& command, CriterionArguments& arguments, bool required) {
  std::vector<std::string> names;
  std::string help = "key=value, by criterion:";
  for (const prune::CriterionEntry& entry : prune::criterion_catalog()) {
    names.push_back(entry.name);
    for (const storage::Option& option : entry.options)
      help += fmt::format("\n{}, {}: {} [{}]", entry.name, option.name, option.doc, option.fallback.dump());
  }
  command.add_option("--criterion", arguments.name, "what scores the channels")->check(CLI::IsMember(names))->required(required);
  command.add_option("--option", arguments.options, help)->allow_extra_args(false);
  command.add_option_function<int>(
      "--images", [&arguments](int images) { arguments.options.push_back(fmt::format("images={}", images)); },
      "short for --option images=N");
  command.add_option("--seed", arguments.seed, "of random choices")->check(CLI::Range(0, 1'000'000'000))->capture_default_str();
}

void put_criterion(Json& request, const CriterionArguments& arguments, const std::string& data, prune::Looks has) {
  const prune::CriterionEntry& entry = prune::criterion_entry(arguments.name);
  request["criterion"] = entry.name;
  request["options"] = parse_options(entry.options, arguments.options, fmt::format("criterion {}", entry.name));
  request["seed"] = arguments.seed;
  if (!data.empty()) {
    put_data(request, data);
    has = eval::is_unlabelled(request.at("data")) ? prune::Looks::at_images : prune::Looks::at_labels;
  }
  if (entry.looks <= has) return;
  throw Error(ErrorKind::usage, has == prune::Looks::at_images
                                    ? fmt::format("criterion {} looks at labels, which these images have not; valid: {}", entry.name,
                                                  data.empty() ? "with --data" : "without labels=none")
                                    : fmt::format("criterion {} looks at images; valid: with --data", entry.name));
}

void add_end_to_end(CLI::App& command, bool& end_to_end) {
  command.add_flag(
      "--end-to-end", end_to_end,
      "torchscript, onnx: the file takes pixels from 0 to 255 and gives probabilities: normalisation before the net and a softmax "
      "behind it");
}

void check_end_to_end(bool end_to_end, const std::string& format) {
  if (end_to_end && format != "torchscript" && format != "onnx")
    throw Error(ErrorKind::usage, fmt::format("--end-to-end is of files that run, not of {}; valid: --to torchscript or onnx", format));
}

void add_opset(CLI::App& command, int& opset) {
  command.add_option("--opset", opset, "onnx: operator set, 13 to 18, or 10 for OpenCV before 5; default: 18")->check(CLI::Range(10, 18));
}

void put_opset(Json& request, int opset, const std::string& format) {
  if (opset == 0) return;
  if (format != "onnx") throw Error(ErrorKind::usage, fmt::format("--opset is of ONNX, not of {}; valid: --to onnx", format));
  request["opset"] = opset;
}

std::string format_of(const std::filesystem::path& output) {
  static const std::map<std::string, std::string> formats{{".py", "python"},      {".onnx", "onnx"}, {".safetensors", "safetensors"},
                                                          {".pt", "torchscript"}, {".json", "json"}, {".csv", "csv"},
                                                          {".jsonl", "jsonl"}};
  std::string end = output.extension();
  std::transform(end.begin(), end.end(), end.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto known = formats.find(end);
  return known == formats.end() ? "" : known->second;
}

void put_output(Json& request, const std::filesystem::path& output) {
  check_output(output);
  const std::string to = request.at("to"), end = output.extension();
  if (to == "python" && end != ".py")
    throw Error(ErrorKind::usage,
                fmt::format("-o {}: Python's files end in .py; valid: -o {}.py", output.string(), output.stem().string()));
  if (const std::string said = format_of(output); !said.empty() && said != to)
    throw Error(ErrorKind::usage,
                fmt::format("-o {}: a file that ends in {} is {}, and {} is written; valid: another end", output.string(), end, said, to));
  std::error_code unknown;
  const std::filesystem::file_status status = std::filesystem::status(output, unknown);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    throw Error(ErrorKind::usage, fmt::format("-o {} is no regular file, which a net needs; valid: another", output.string()));
  request["output"] = std::filesystem::absolute(storage::behind_link(output)).string();
}

}  // namespace search::cli
