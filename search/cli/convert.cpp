#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "search/cli/request.h"
#include "storage/base/error.h"

namespace search::cli {

namespace {

struct ConvertOptions {
  NetArguments net;
  std::string format;
  std::filesystem::path output;
  bool end_to_end = false, json = false;
  int opset = 0;
};

const std::vector<std::string> written_formats{"python", "onnx", "safetensors", "torchscript"};

std::string wanted_format(const ConvertOptions& options) {
  if (!options.format.empty()) return options.format;
  std::string said = format_of(options.output);
  if (std::find(written_formats.begin(), written_formats.end(), said) != written_formats.end()) return said;
  throw storage::Error(storage::ErrorKind::usage,
                       fmt::format("-o {}: its end says no format of nets; valid: .py, .onnx, .safetensors, .pt, or --to {}",
                                   options.output.string(), fmt::join(written_formats, "|")));
}

int convert(const ConvertOptions& options) {
  const std::string format = wanted_format(options);
  check_end_to_end(options.end_to_end, format);
  Json request{{"command", "convert"}, {"to", format}, {"end_to_end", options.end_to_end}};
  put_opset(request, options.opset, format);
  put_net(request, options.net);
  put_output(request, options.output);
  const Json answer = ask_worker(request);
  if (options.json)
    print_json(answer);
  else
    fmt::print("{}: {} parameters, {} multiply-accumulates\n", options.output.string(), answer.at("params").get<std::int64_t>(),
               answer.at("macs").get<std::int64_t>());
  return exit_done;
}

}  // namespace

void add_convert(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ConvertOptions>();
  CLI::App* command = app.add_subcommand("convert", "write a net with its weights in another format");
  add_net_arguments(*command, options->net);
  command
      ->add_option(
          "--to", options->format,
          "python (a module in a .py file, with its weights beside it), onnx, safetensors (weights, with the net in the metadata), or "
          "torchscript (for torch.jit.load, which PyTorch deprecates since 2.11); default: as the end of the file says, .py, .onnx, "
          ".safetensors or .pt")
      ->check(CLI::IsMember(written_formats));
  command->add_option("-o,--output", options->output, "the file; one that is there is replaced")->required();
  add_end_to_end(*command, options->end_to_end);
  add_opset(*command, options->opset);
  command->add_flag("--json", options->json, "one JSON document");
  command->footer(
      "Examples:\n"
      "  nas-run convert --net resnet18 --weights resnet18.safetensors -o resnet18.onnx\n"
      "  nas-run convert --weights small.safetensors -o small.py\n"
      "  nas-run convert --weights mine.onnx -o mine.safetensors");
  command->callback([options, &action] { action = [options] { return convert(*options); }; });
}

}  // namespace search::cli
