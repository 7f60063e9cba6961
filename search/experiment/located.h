// What decides a result, apart from where its files lie. Used by the experiment that is stored and by the parameters of stages.
#pragma once

#include "storage/base/json.h"

namespace search {

/// A description with paths in it, and the same without: what the files hold stands in both, as an identity that was computed from them.
struct Located {
  storage::Json full;      ///< as a worker needs it
  storage::Json identity;  ///< what enters fingerprints, and what runs are compared by
};

}  // namespace search
