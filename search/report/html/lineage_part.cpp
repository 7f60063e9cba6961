// The lineage as trees, which the page lays out: lineage_part of document.h.
#include <algorithm>

#include "search/report/html/columns.h"
#include "search/report/html/document.h"

namespace search::html {

namespace {

constexpr std::size_t kWhole = 300;  ///< of a larger tree only the ways to the nets that matter are drawn

/// The base that each net comes from.
std::vector<int> roots_of(const Snapshot& run) {
  std::vector<int> roots(run.nets.size());
  for (std::size_t i = 0; i < run.nets.size(); ++i) {  // parents come before their children
    const int parent = run.nets[i].parent;
    roots[i] = parent < 0 || parent >= static_cast<int>(i) ? static_cast<int>(i) : roots[static_cast<std::size_t>(parent)];
  }
  return roots;
}

/// The first `kWhole` of `wanted` in the tree, with all that is on the way to them.
std::vector<int> important(const Snapshot& run, const std::vector<int>& roots, int root, const std::vector<int>& wanted) {
  std::vector<bool> chosen(run.nets.size(), false);
  std::size_t count = 0;
  for (const int net : wanted) {
    if (roots[static_cast<std::size_t>(net)] != root) continue;
    if (count >= kWhole) break;
    for (int on_way = net; on_way >= 0 && !chosen[static_cast<std::size_t>(on_way)];
         on_way = run.nets[static_cast<std::size_t>(on_way)].parent) {
      chosen[static_cast<std::size_t>(on_way)] = true;
      ++count;
    }
  }
  std::vector<int> nets;
  for (std::size_t i = 0; i < chosen.size(); ++i)
    if (chosen[i]) nets.push_back(static_cast<int>(i));
  return nets;
}

Json tree(const Snapshot& run, const std::vector<int>& nets) {
  std::vector<int> within(run.nets.size(), -1);
  for (std::size_t i = 0; i < nets.size(); ++i) within[static_cast<std::size_t>(nets[i])] = static_cast<int>(i);
  Json parents = Json::array();
  std::vector<std::pair<int, int>> widths;
  for (std::size_t i = 0; i < nets.size(); ++i) {
    const StoredNet& net = run.nets[static_cast<std::size_t>(nets[i])];
    parents.push_back(net.parent >= 0 ? within[static_cast<std::size_t>(net.parent)] : -1);
    for (const Input& input : run.stages[static_cast<std::size_t>(net.stage)].inputs) {
      if (input.role != "widths") continue;
      const int source = run.stages[static_cast<std::size_t>(input.stage)].net;
      if (source >= 0 && within[static_cast<std::size_t>(source)] >= 0)
        widths.emplace_back(within[static_cast<std::size_t>(source)], static_cast<int>(i));
    }
  }
  return {{"nets", nets}, {"parents", std::move(parents)}, {"widths", widths}};
}

}  // namespace

Json lineage_part(const Snapshot& run, const std::vector<int>& wanted) {
  const std::vector<int> roots = roots_of(run);
  std::vector<std::vector<int>> members(run.nets.size());
  for (std::size_t i = 0; i < roots.size(); ++i) members[static_cast<std::size_t>(roots[i])].push_back(static_cast<int>(i));
  Json trees = Json::array();
  std::size_t drawn = 0, trees_left_out = 0;
  constexpr std::size_t most = 8000;
  for (std::size_t root = 0; root < members.size(); ++root) {
    if (members[root].empty()) continue;
    if (drawn > most) {
      ++trees_left_out;
      continue;
    }
    const std::vector<int> nets = members[root].size() <= kWhole ? members[root] : important(run, roots, static_cast<int>(root), wanted);
    trees.push_back(tree(run, nets));
    trees.back()["left_out"] = members[root].size() - nets.size();
    drawn += nets.size();
  }
  return {{"trees", std::move(trees)}, {"left_out", trees_left_out}};
}

}  // namespace search::html
