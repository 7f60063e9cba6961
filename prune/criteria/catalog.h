// The criteria by name, with their options, without LibTorch: the experiment is validated against this table.
#pragma once

#include <string>
#include <vector>

#include "storage/base/option.h"

namespace prune {

/// What a criterion looks at, each with those before it.
enum class Looks { at_weights, at_images, at_labels };

struct CriterionEntry {
  std::string name;
  std::string doc;
  storage::Options options;
  Looks looks;
  /// Default of the allocation of a `keep` request; `lda` depends on its variant, so it is asked with the options.
  std::string (*default_allocation)(const storage::Json& options);
  bool unstructured = false;  ///< it takes single weights (magnitude.h), not channels: it scores none and has no allocation

  bool needs_data() const { return looks != Looks::at_weights; }
};

const std::vector<CriterionEntry>& criterion_catalog();

/// Throws storage::Error(invalid), with the nearest name.
const CriterionEntry& criterion_entry(const std::string& name);

}  // namespace prune
