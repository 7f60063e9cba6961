#include "eval/nets/dot.h"

#include <fmt/format.h>

#include "eval/nets/layer_shape.h"

namespace eval {

namespace {

std::string quoted(const std::string& text) {
  std::string safe;
  for (const char c : text) safe += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return '"' + safe + '"';
}

}  // namespace

std::string to_dot(const NetSpec& spec) {
  const std::vector<Shape> shapes = output_shapes(spec);
  std::string dot = fmt::format("digraph {} {{\n  node [shape=box, fontname=\"sans-serif\"];\n", quoted(spec.name));
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    const Layer& layer = spec.layers[i];
    dot +=
        fmt::format("  n{} [label={}{}];\n", i, quoted(fmt::format("{}\n{}\n{}", layer.name, to_string(layer.kind), to_string(shapes[i]))),
                    has_filters(layer.kind) ? ", style=bold" : "");
    for (const int input : layer.inputs) dot += fmt::format("  n{} -> n{};\n", input, i);
  }
  return dot + "}\n";
}

}  // namespace eval
