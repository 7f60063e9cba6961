#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "eval/cost.h"
#include "eval/nets/dot.h"
#include "eval/nets/layer_shape.h"
#include "search/cli/request.h"

namespace search::cli {

namespace {

struct NetsOptions {
  NetArguments net;
  std::string convention = "macs";
  bool json = false, dot = false;
};

void add_convention(CLI::App& command, std::string& convention) {
  command
      .add_option("--convention", convention,
                  "macs: multiply-accumulates of convolutions and linear layers. Also as `flops`: flops, two for each; fvcore, as fvcore "
                  "counts: macs and "
                  "those of batch norm and adaptive pooling")
      ->check(CLI::IsMember({"macs", "flops", "fvcore"}));
}

/// The cost as columns; `flops` where a convention other than MACs is asked for.
void put_cost(Json& row, const eval::NetSpec& spec, const std::string& convention) {
  const eval::Cost cost = eval::cost(spec);
  row["params"] = cost.params;
  row["macs"] = cost.macs;
  if (convention != "macs") row["flops"] = convention == "flops" ? 2 * cost.macs : eval::fvcore_flops(spec);
}

std::vector<std::string> columns(std::vector<std::string> names, const std::string& convention) {
  if (convention != "macs") names.push_back("flops");
  return names;
}

int list_nets(const NetsOptions& options) {
  Json rows = Json::array();
  for (const eval::NetEntry& entry : eval::net_registry()) {
    Json row{{"name", entry.name}, {"family", entry.family}};
    put_cost(row, eval::make_net(entry.name, {}), options.convention);
    rows.push_back(row);
  }
  if (options.json)
    print_json(rows);
  else
    fmt::print("{}", to_text(rows, columns({"name", "family", "params", "macs"}, options.convention)));
  return exit_done;
}

int describe_net(const NetsOptions& options) {
  const eval::NetSpec spec = make_net(options.net);
  if (options.dot) {
    fmt::print("{}", eval::to_dot(spec));
    return exit_done;
  }
  Json net{{"name", spec.name}};
  put_cost(net, spec, options.convention);
  net["layers"] = Json::array();
  const std::vector<eval::Shape> shapes = eval::output_shapes(spec);
  const std::vector<eval::Cost> costs = eval::layer_costs(spec);
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    net["layers"].push_back({{"name", spec.layers[i].name},
                             {"kind", to_string(spec.layers[i].kind)},
                             {"output", {shapes[i].channels, shapes[i].height, shapes[i].width}},
                             {"params", costs[i].params},
                             {"macs", costs[i].macs}});
  }
  if (options.json) {
    print_json(net);
    return exit_done;
  }
  fmt::print("{}\n", to_text(net.at("layers"), {"name", "kind", "output", "params", "macs"}));
  fmt::print("{}", to_text(Json::array({net}), columns({"name", "params", "macs"}, options.convention)));
  return exit_done;
}

}  // namespace

void add_nets(CLI::App& app, Action& action) {
  const auto options = std::make_shared<NetsOptions>();
  CLI::App* command = app.add_subcommand("nets", "the known nets, with parameters and multiply-accumulates for 3x224x224 and 1000 classes");
  add_convention(*command, options->convention);
  command->add_flag("--json", options->json, "one JSON document");
  command->footer("Examples:\n  nas-run nets\n  nas-run nets --convention fvcore --json");
  command->callback([options, &action] { action = [options] { return list_nets(*options); }; });
}

void add_net(CLI::App& app, Action& action) {
  const auto options = std::make_shared<NetsOptions>();
  CLI::App* command = app.add_subcommand("net", "one net: layers, shapes, parameters, multiply-accumulates");
  command->add_option("NAME", options->net.name, "a net of `nas-run nets`")->required();
  add_net_options(*command, options->net);
  add_convention(*command, options->convention);
  CLI::Option* json = command->add_flag("--json", options->json, "one JSON document");
  command->add_flag("--dot", options->dot, "the layers as a graph for Graphviz")->excludes(json);
  command->footer(
      "Examples:\n"
      "  nas-run net vgg16_bn --input 1,32,32 --classes 10 --width 0.25\n"
      "  nas-run net googlenet --dot | dot -Tsvg > googlenet.svg");
  command->callback([options, &action] { action = [options] { return describe_net(*options); }; });
}

}  // namespace search::cli
