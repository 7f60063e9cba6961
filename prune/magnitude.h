// Unstructured pruning by magnitude (Han et al. 2015, "Learning both weights and connections"): single weights become 0 and no layer gets
// smaller. A baseline beside the criteria that cut channels; called by the stage and the command `prune`.
#pragma once

#include "eval/nets/net.h"
#include "storage/base/json.h"

namespace prune {

/// A net of the same layers in which weights of filters are 0.
struct Sparse {
  eval::Weights weights;
  std::int64_t zeros = 0, total = 0;  ///< weights of filters, biases not counted

  double sparsity() const { return total > 0 ? static_cast<double>(zeros) / static_cast<double>(total) : 0; }
};

/// The weights of filters of least magnitude become 0, so that the share `keep` in (0, 1] stays: of each layer, or of all together where
/// options.at("scope") is "global". Those that are 0 already count among the ones that go; of equal magnitudes the first go. The layer that
/// makes the class scores is among them. Layers named in `protect` stay as they are, and the share is of the others' weights; names of
/// layers that this net lacks change nothing. Biases and batch norm stay.
Sparse zero_least(const eval::NetSpec& spec, const eval::Weights& weights, double keep, const storage::Json& options,
                  const std::vector<std::string>& protect = {});

/// How many weights of filters are 0 in a net.
Sparse count_zeros(const eval::NetSpec& spec, eval::Weights weights);

}  // namespace prune
