#include "search/plan/stage_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/topological_sort.hpp>
#include <iterator>
#include <string_view>
#include <unordered_map>

#include "storage/base/error.h"

namespace search {

namespace {

struct Role {
  std::string_view role;
};

using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, boost::no_property, Role>;

storage::Error internal(const std::string& message) {
  return {storage::ErrorKind::internal, "stage graph: " + message};
}

/// An edge from every input to the stage that reads it. The edges' roles point into `stages`.
Graph make_graph(const std::vector<Stage>& stages) {
  std::unordered_map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    if (!index.emplace(stages[i].fingerprint, i).second) throw internal(fmt::format("'{}' is there twice", stages[i].label));
  }
  Graph graph(stages.size());
  for (std::size_t i = 0; i < stages.size(); ++i) {
    for (const storage::StageInput& input : stages[i].inputs) {
      const auto from = index.find(input.stage);
      if (from == index.end()) throw internal(fmt::format("'{}': its input '{}' is not planned", stages[i].label, input.role));
      boost::add_edge(from->second, i, Role{input.role}, graph);
    }
  }
  return graph;
}

}  // namespace

StageGraph::StageGraph(const std::vector<Stage>& stages)
    : successors_(stages.size()), predecessors_(stages.size()), critical_path_(stages.size()) {
  const Graph graph = make_graph(stages);
  std::vector<std::size_t> backwards;  // every stage after all that follow it
  backwards.reserve(stages.size());
  try {
    boost::topological_sort(graph, std::back_inserter(backwards));
  } catch (const boost::not_a_dag&) {
    throw internal("the stages form a cycle");
  }
  for (const std::size_t stage : backwards) {
    double longest = 0;
    for (const auto edge : boost::make_iterator_range(boost::out_edges(stage, graph))) {
      const std::size_t next = boost::target(edge, graph);
      successors_[stage].push_back(static_cast<int>(next));
      predecessors_[next].push_back(static_cast<int>(stage));
      longest = std::max(longest, critical_path_[next]);
    }
    critical_path_[stage] = stages[stage].cost + longest;
  }
}

std::string to_dot(const std::vector<Stage>& stages) {
  const Graph graph = make_graph(stages);
  std::string dot = "digraph stages {\n  node [shape=box];\n";
  for (std::size_t i = 0; i < stages.size(); ++i)  // a JSON string is a DOT string: both quote with a backslash
    dot += fmt::format("  {} [label={}];\n", i, Json(to_string(stages[i].kind) + " " + stages[i].label).dump());
  for (const auto edge : boost::make_iterator_range(boost::edges(graph)))
    dot += fmt::format("  {} -> {} [label={}];\n", boost::source(edge, graph), boost::target(edge, graph), Json(graph[edge].role).dump());
  return dot + "}\n";
}

}  // namespace search
