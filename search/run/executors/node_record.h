// Which nodes of a cluster fail what they are given. Used by the executor `slurm`.
#pragma once

#include <map>
#include <set>
#include <string>

#include "search/run/executors/folder_channel.h"

namespace search {

class NodeRecord {
 public:
  /// A stage has ended on the node. Three different ones in succession that fail fast there, and on no other node, exclude it. Returns what
  /// is to be said of that, or "".
  std::string ended(const std::string& node, const StageEnd& end);

  /// A job runs on the node, and its worker has not said a word.
  std::string never_started(const std::string& node);

  const std::set<std::string>& excluded() const { return excluded_; }

 private:
  std::map<std::string, std::set<std::string>> failed_;  ///< stages in succession, by node
  std::set<std::string> excluded_;
};

}  // namespace search
