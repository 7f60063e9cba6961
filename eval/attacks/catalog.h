// The attacks by name, with their options, without LibTorch: the experiment is validated against this table.
#pragma once

#include <string>
#include <vector>

#include "storage/base/option.h"

namespace eval {

struct AttackEntry {
  std::string name;
  std::string doc;
  std::string kind;  ///< as it is stored: "attack" changes values, "spatial" moves them
  storage::Options options;
  std::string level;  ///< the option that says how strong the attack is
  /// What the attack costs for each image, in forward passes: for estimates.
  double (*passes)(const storage::Json& options);
};

const std::vector<AttackEntry>& attack_catalog();

/// Throws storage::Error(invalid), with the nearest name.
const AttackEntry& attack_entry(const std::string& name);

}  // namespace eval
