#include "search/report/html/lineage_layout.h"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/topological_sort.hpp>
#include <iterator>

#include "storage/base/error.h"

namespace search::html {

namespace {

using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS>;

[[noreturn]] void refuse(const char* what) {
  throw storage::Error(storage::ErrorKind::internal, std::string("lineage layout: ") + what);
}

/// Parents after children.
std::vector<std::size_t> backwards(int nodes, const std::vector<std::pair<int, int>>& edges) {
  Graph graph(static_cast<std::size_t>(nodes));
  for (const auto& [parent, child] : edges) {
    if (parent < 0 || child < 0 || parent >= nodes || child >= nodes) refuse("an edge to no net");
    boost::add_edge(static_cast<std::size_t>(parent), static_cast<std::size_t>(child), graph);
  }
  std::vector<std::size_t> order;
  try {
    boost::topological_sort(graph, std::back_inserter(order));
  } catch (const boost::not_a_dag&) {
    refuse("the nets form a cycle");
  }
  return order;
}

/// Of each node the children that stand below it: a node belongs to its first parent.
std::vector<std::vector<int>> children_of(int nodes, const std::vector<std::pair<int, int>>& edges, std::vector<bool>& has_parent) {
  std::vector<std::vector<int>> children(static_cast<std::size_t>(nodes));
  for (const auto& [parent, child] : edges) {
    if (has_parent[static_cast<std::size_t>(child)]) continue;
    has_parent[static_cast<std::size_t>(child)] = true;
    children[static_cast<std::size_t>(parent)].push_back(child);
  }
  return children;
}

/// Every node before its children, the children of one before those of the next: the order of a walk along the tree.
std::vector<int> walk(const std::vector<std::vector<int>>& children, const std::vector<bool>& has_parent) {
  std::vector<int> order, open;
  for (std::size_t node = has_parent.size(); node-- > 0;)
    if (!has_parent[node]) open.push_back(static_cast<int>(node));
  while (!open.empty()) {
    const int node = open.back();
    open.pop_back();
    order.push_back(node);
    const std::vector<int>& below = children[static_cast<std::size_t>(node)];
    open.insert(open.end(), below.rbegin(), below.rend());
  }
  return order;
}

}  // namespace

std::vector<Place> layered_layout(int nodes, const std::vector<std::pair<int, int>>& edges) {
  const auto count = static_cast<std::size_t>(nodes);
  const std::vector<std::size_t> order = backwards(nodes, edges);
  std::vector<std::vector<std::size_t>> successors(count);
  for (const auto& [parent, child] : edges) successors[static_cast<std::size_t>(parent)].push_back(static_cast<std::size_t>(child));
  std::vector<Place> places(count);
  for (auto node = order.rbegin(); node != order.rend(); ++node)
    for (const std::size_t child : successors[*node]) places[child].layer = std::max(places[child].layer, places[*node].layer + 1);

  std::vector<bool> has_parent(count, false);
  const std::vector<std::vector<int>> children = children_of(nodes, edges, has_parent);
  const std::vector<int> along = walk(children, has_parent);
  double leaf = 0;
  for (const int node : along)
    if (children[static_cast<std::size_t>(node)].empty()) places[static_cast<std::size_t>(node)].row = leaf++;
  for (auto node = along.rbegin(); node != along.rend(); ++node) {
    const std::vector<int>& below = children[static_cast<std::size_t>(*node)];
    if (!below.empty())
      places[static_cast<std::size_t>(*node)].row =
          (places[static_cast<std::size_t>(below.front())].row + places[static_cast<std::size_t>(below.back())].row) / 2;
  }
  return places;
}

}  // namespace search::html
