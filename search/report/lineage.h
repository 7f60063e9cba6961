// Where every net of a run comes from: the cuts from a base to it, with what each asked for, found and cost. Shown by `nas-run lineage`.
#pragma once

#include <string>

#include "storage/base/json.h"

namespace search {

/// The share of a request below which a cut has taken far more than was asked.
inline constexpr double far_below = 0.95;

/// The nets of the views `nets` and `layers`: an array in the order in which they were made, each a row of `nets` (criterion and request as
/// JSON) with "cut": [{"layer", "from", "to"}], the layers that lost channels against the parent, "floors": the layers at which a floor or
/// a cap held channels, and "left": the share of the first net that a cut's request counts (macs, params; else null).
storage::Json lineage(const storage::Json& nets, const storage::Json& layers);

/// The nets on the way to `stage`, the base first.
storage::Json ancestors(const storage::Json& lineage, const std::string& stage);

/// One paragraph a net.
std::string lineage_to_text(const storage::Json& lineage);

/// A Graphviz digraph: a box a net, an edge a cut.
std::string lineage_to_dot(const storage::Json& lineage);

}  // namespace search
