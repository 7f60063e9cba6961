#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "search/cli/request.h"

namespace search::cli {

namespace {

struct ScoreOptions {
  NetArguments net;
  CriterionArguments criterion;
  std::string data;
  double eta = 1;
  bool json = false;
};

/// One line a layer: how its scores lie, where the paper's threshold would be, or why it cannot be cut.
Json summary(const Json& layers, double eta) {
  Json rows = Json::array();
  for (const Json& layer : layers) {
    Json row{{"layer", layer.at("layer")}};
    if (layer.contains("fixed")) {
      row["note"] = layer.at("fixed");
    } else {
      const auto scores = layer.at("scores").get<std::vector<double>>();
      double sum = 0;
      for (const double score : scores) sum += score;
      row["channels"] = scores.size();
      row["least"] = *std::min_element(scores.begin(), scores.end());
      row["mean"] = sum / static_cast<double>(scores.size());
      row["most"] = *std::max_element(scores.begin(), scores.end());
      if (layer.contains("deviation")) {
        const double threshold = eta * layer.at("deviation").get<double>();
        row.update({{"nonzero", layer.at("nonzero")}, {"deviation", layer.at("deviation")}, {"threshold", threshold}});
        row["below"] = std::count_if(scores.begin(), scores.end(), [&](double u) { return u < threshold; });
      }
    }
    rows.push_back(row);
  }
  return rows;
}

std::vector<std::string> columns(const Json& layers) {
  const bool has_threshold = std::any_of(layers.begin(), layers.end(), [](const Json& layer) { return layer.contains("deviation"); });
  if (has_threshold) return {"layer", "channels", "least", "mean", "most", "nonzero", "deviation", "threshold", "below", "note"};
  return {"layer", "channels", "least", "mean", "most", "note"};
}

/// Where lda's variant paper cuts each layer: eta times the deviation of its utilities that are not 0.
Json thresholds(const Json& layers, double eta) {
  Json rows = Json::array();
  for (const Json& layer : layers)
    if (layer.contains("deviation"))
      rows.push_back({{"layer", layer.at("layer")},
                      {"threshold", eta * layer.at("deviation").get<double>()},
                      {"deviation", layer.at("deviation")},
                      {"nonzero", layer.at("nonzero")}});
  return rows;
}

int score(const ScoreOptions& options) {
  Json request{{"command", "score"}};
  put_criterion(request, options.criterion, options.data);
  put_net(request, options.net);
  Json answer = ask_worker(request);
  if (Json rows = thresholds(answer.at("layers"), options.eta); !rows.empty()) answer["thresholds"] = std::move(rows);
  if (options.json)
    print_json(answer);
  else
    fmt::print("{}", to_text(summary(answer.at("layers"), options.eta), columns(answer.at("layers"))));
  return exit_done;
}

}  // namespace

void add_score(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ScoreOptions>();
  CLI::App* command = app.add_subcommand("score", "how much each channel of a net matters, by a criterion");
  add_net_arguments(*command, options->net);
  add_device(*command, options->net);
  add_criterion_arguments(*command, options->criterion, /*required=*/true);
  command->add_option("--data", options->data, std::string(data_help) + "; criteria that read weights alone need none");
  command->add_option("--eta", options->eta, "lda, paper: of the threshold, eta times the deviation of a layer's non-zero utilities")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--json", options->json, "one JSON document, with every channel's score");
  command->footer(
      "Examples:\n"
      "  nas-run score --net vgg16 --weights vgg16.safetensors --criterion l1\n"
      "  nas-run score --weights base.safetensors --criterion lda --option variant=wilks --data "
      "\"idx:/usr/share/datasets/fashion-mnist?pad=2\" --json");
  command->callback([options, &action] { action = [options] { return score(*options); }; });
}

}  // namespace search::cli
