// One net at a time, without an experiment: what nas-worker does for `nas-run convert | score | prune | evaluate | export`. One file a
// command; a request and its answer are one JSON document each.
#pragma once

#include <filesystem>
#include <optional>
#include <set>

#include "eval/nets/net_info.h"
#include "prune/criteria/criterion.h"
#include "search/worker/stages/stages.h"

namespace search {

/// A net with its weights as a user brought it, and which of its base's channels it has left.
struct GivenNet {
  eval::NetSpec spec;
  eval::Weights weights;
  Json kept;                                  ///< as prune::kept_to_json, of the net that was first trained; null where it is that net
  eval::NetInfo info;                         ///< of its use, as the file says
  std::set<std::string> external_files = {};  ///< in which tensors lie besides, from the file's folder
};

/// "weights": a file of safetensors or ONNX; "net": {"name", "width", "layout", "dropout", "classes", "input"} or "spec": a NetSpec where
/// the file does not say it; "kept" and "info" (eval::to_json of NetInfo) likewise. Throws storage::Error(invalid): a file that is broken,
/// no net, a tensor that is missing, not wanted or misshapen.
GivenNet load_net(const Json& request);

/// What a file gives a net of an experiment to start from; `fresh`: the weights of a head that tells other classes apart; `lacks_norms`:
/// the net has batch norms that the file's has not, whose tensors are then left out. Throws storage::Error(invalid) naming the file.
eval::StartingWeights starting_weights_of(const std::filesystem::path& file, const eval::NetSpec& spec, const eval::Weights& fresh,
                                          bool lacks_norms = false);

/// "device": where the request's net is to be. Throws storage::Error(environment) for a GPU that is not there.
torch::Device device_of(const Json& request);

/// "data" and "target": a dataset that must fit the net; nothing without them. Pixels become numbers by the data's own "mean" and
/// "deviation" where those are given, else by what the net's file says it takes, else by what is measured.
std::optional<TaskData> load_data(const Json& request, const GivenNet& net);

/// Writes the net to the request's "output", replacing it whole. `to`: python (with "about" and "images" of the request), onnx and
/// torchscript ("end_to_end", "opset"), or safetensors. Throws storage::Error(usage) for another format.
void write_given(const GivenNet& net, const std::string& to, const Json& request);

/// {"ok": answer} or {"error": {"kind", "message"}}: the command named "command".
Json answer_request(const Json& request);

Json convert_net(const Json& request);
Json describe_net(const Json& request);
Json score_net(const Json& request);
Json prune_net(const Json& request);
Json evaluate_net(const Json& request);

/// {"spec", "weights", "insert_batch_norm"}: {"fresh_layer"} of starting_weights_of; throws as that does.
Json check_weights(const Json& request);

/// {"spec", "batch", "seconds"}: {"images_per_s"} of training in fp32, on random images.
Json measure_speed(const Json& request);

/// {"gflops"}: 1e9 floating-point operations a second of a linear layer of 512 inputs and outputs on 512 images, in fp32 by this process's
/// threads, as the BLAS that LibTorch has computes it. Convolutions do not go by it.
Json measure_matrices(const Json& request);

}  // namespace search
