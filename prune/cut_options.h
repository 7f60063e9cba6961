// What a cut is asked and held to, as tables and as values: read from YAML by search/, used by allocation and refit in prune/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/base/option.h"

namespace prune {

/// Keys of `prune:` that bound a cut.
const storage::Options& allocation_options();

/// What a request counts. Channels: those of all groups that can be cut, so that a uniform cut to a half halves every layer. Latency: the
/// estimate of a latency table.
enum class Budget { params, macs, channels, latency };
std::string to_string(Budget budget);
/// Throws storage::Error(invalid) for an unknown name.
Budget budget_from_string(const std::string& text);
/// "params", "macs", "channels", "latency".
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

/// The request counts in a latency table, which must be measured first.
inline bool is_of_latency(const PruneRequest& request) {
  return request.kind == PruneRequest::Kind::keep && request.of == Budget::latency;
}

/// How a cut net is refitted (prune/refit.h).
struct RefitOptions {
  std::int64_t images = 2000;           ///< training images, drawn by seed; the first layers see fewer where `memory` asks for it
  int places = 0;                       ///< of each image and feature map, at which outputs are compared; 0: by the layer's inputs
  std::optional<double> ridge;          ///< share of the mean square of the inputs; none: chosen for each layer on a fifth of the images
  double fisher = 0;                    ///< share of a sample's weight that goes by how much the class scores depend on it
  std::uint64_t seed = 0;               ///< of images and places
  std::int64_t memory = 2'000'000'000;  ///< bytes that both nets' activations may take
};

/// Keys of `prune: refit:`.
const storage::Options& refit_options();

/// {"images", "places", "ridge"}; null for what is found by itself. And "fisher", where it is not 0.
storage::Json to_json(const RefitOptions& options);

/// The inverse. Throws storage::Error(invalid) for a key that is unknown or out of its range.
RefitOptions refit_options_from_json(const storage::Json& json);

/// Requests that lead from `share`, what is left of the base net, to `request` in equal ratios; `request` is the last. A threshold, or a
/// share that is not below `share`, takes one.
std::vector<PruneRequest> substeps(const PruneRequest& request, double share, int count);

/// A cut that leaves less than this of a net is deep, and made in so many substeps where nothing else is asked for: what channels are worth
/// while all others are there does not add up to what many of them are worth (docs/measured.md, "Criteria").
inline constexpr double deep_cut = 0.4;
inline constexpr int deep_cut_substeps = 4;

/// The substeps that lead from `share` of the base net to `request` where nothing else is asked for. `by_threshold`: all layers are cut at
/// one, as by the paper's rule, which loses by being scored anew.
int default_substeps(const PruneRequest& request, double share, bool by_threshold);

storage::Json to_json(const PruneRequest& request);
PruneRequest prune_request_from_json(const storage::Json& json);

}  // namespace prune
