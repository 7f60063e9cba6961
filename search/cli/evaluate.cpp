#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "eval/data/dataset.h"
#include "search/cli/request.h"
#include "storage/base/error.h"

namespace search::cli {

namespace {

struct EvaluateOptions {
  NetArguments net;
  std::string data;
  bool json = false;
};

int evaluate(const EvaluateOptions& options) {
  Json request{{"command", "evaluate"}};
  put_data(request, options.data);
  if (eval::is_unlabelled(request.at("data")))
    throw storage::Error(storage::ErrorKind::usage,
                         "what is right is said by labels, which these images have not; valid: without labels=none");
  if (request.at("split") == "") request["split"] = "test";
  put_net(request, options.net);
  const Json answer = ask_worker(request);
  if (options.json)
    print_json(answer);
  else
    fmt::print("{} images: accuracy {:.2f} %, balanced {:.2f} %, loss {:.4f}, calibration error {:.4f}\n",
               answer.at("images").get<std::int64_t>(), 100 * answer.at("accuracy").get<double>(),
               100 * answer.at("balanced_accuracy").get<double>(), storage::number_from_json(answer.at("loss")),
               answer.at("calibration_error").get<double>());
  return exit_done;
}

}  // namespace

void add_evaluate(CLI::App& app, Action& action) {
  const auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = app.add_subcommand("evaluate", "accuracy and loss of a net over images");
  add_net_arguments(*command, options->net);
  add_device(*command, options->net);
  command->add_option("--data", options->data, std::string(data_help) + "; ?split=train, validation or test (the default)")->required();
  command->add_flag("--json", options->json, "one JSON document");
  command->footer("Example:\n  nas-run evaluate --weights small.safetensors --data \"idx:/usr/share/datasets/fashion-mnist?pad=2\"");
  command->callback([options, &action] { action = [options] { return evaluate(*options); }; });
}

}  // namespace search::cli
