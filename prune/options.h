// The options of training, pruning and allocation as tables and as values: read from YAML by search/, used by prune/.
#pragma once

#include <string>
#include <vector>

#include "storage/base/option.h"

namespace prune {

/// Keys of `train:` and `prune: retrain:` besides `optimizer`.
const storage::Options& train_options();

/// Keys of `optimizer:`.
const storage::Options& optimizer_options();

struct TrainOptions {
  int epochs = 10;
  int batch = 128;
  double lr = 0.05, momentum = 0.9, weight_decay = 5e-4;
  bool nesterov = true;
  std::string lr_schedule = "cosine";  ///< cosine | constant
  double warmup = 0;                   ///< epochs of linear warm-up, may be a fraction
  double label_smoothing = 0;
  std::vector<std::string> augment;  ///< flip, shift
  int shift = 2;                     ///< pixels
  std::string precision = "auto";    ///< auto | fp32 | bf16
};

/// From the JSON that check_options made of the two tables: {..., "optimizer": {...}}.
TrainOptions train_options_from_json(const storage::Json& json);

/// Keys of `prune:` that bound a cut.
const storage::Options& allocation_options();

/// What a request counts. Channels: those of all groups that can be cut, so that a uniform cut to a half halves every layer.
enum class Budget { params, macs, channels };
std::string to_string(Budget budget);
/// Throws storage::Error(invalid) for an unknown name.
Budget budget_from_string(const std::string& text);
/// "params", "macs", "channels".
const std::vector<std::string>& budget_names();

/// How the scores of channels that live or die together become one.
enum class Combination { mean, sum, max };
/// Throws storage::Error(invalid) for an unknown name.
Combination combination_from_string(const std::string& text);

/// How much a cut may leave: the paper's threshold, or a share of the base net.
struct PruneRequest {
  enum class Kind { eta, keep };
  Kind kind = Kind::keep;
  double value = 0.5;        ///< eta >= 0, or the share kept, in (0, 1], of the base net
  Budget of = Budget::macs;  ///< keep only
};

storage::Json to_json(const PruneRequest& request);
PruneRequest prune_request_from_json(const storage::Json& json);

}  // namespace prune
