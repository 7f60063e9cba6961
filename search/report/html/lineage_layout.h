// Places the nets of a lineage for drawing: a layer a cut, parents amid their children, no crossing lines. Used by the report's document.
#pragma once

#include <utility>
#include <vector>

namespace search::html {

struct Place {
  int layer = 0;   ///< cuts from the base: the longest way to it
  double row = 0;  ///< across; neighbouring leaves are 1 apart
};

/// Of nodes 0 .. nodes - 1 with edges from parent to child. A node with several parents stands below the first of them. Trees stand one
/// after another, children in the order of the edges. Throws storage::Error(internal) for an edge to no node and for a cycle.
std::vector<Place> layered_layout(int nodes, const std::vector<std::pair<int, int>>& edges);

}  // namespace search::html
