// One net at a time, without an experiment: what nas-worker does for `nas-run convert | score | prune | evaluate | export`. One file a
// command; a request and its answer are one JSON document each.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "eval/data/loader.h"
#include "eval/nets/net.h"
#include "eval/nets/registry.h"
#include "prune/keep_mask.h"

namespace search {

using storage::Json;

/// A net with its weights as a user brought it, and which of its base's channels it has left.
struct GivenNet {
  eval::NetSpec spec;
  eval::Weights weights;
  Json kept;  ///< as prune::kept_to_json, of the net that was first trained; null where it is that net
};

/// "weights": a file of safetensors or ONNX; "net": {"name", "width", "layout", "dropout", "classes", "input"} or "spec": a NetSpec where
/// the file does not say it; "kept" likewise. Throws storage::Error(invalid): a file that is broken, no net, a tensor that is missing, not
/// wanted or misshapen.
GivenNet load_net(const Json& request);

/// Images and what is measured on the training ones.
struct GivenData {
  std::unique_ptr<eval::Dataset> dataset;
  eval::Normalisation normalisation;
};

/// "data": settings of a dataset, which must fit the net; nothing without that key.
std::optional<GivenData> load_data(const Json& request, const eval::NetSpec& spec);

/// {"ok": answer} or {"error": {"kind", "message"}}: the command named "command".
Json answer_request(const Json& request);

Json convert_net(const Json& request);
Json score_net(const Json& request);
Json prune_net(const Json& request);
Json evaluate_net(const Json& request);

}  // namespace search
