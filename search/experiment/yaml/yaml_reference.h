// Every key of an experiment's YAML, as the reader itself asks for them. Used by `nas-run reference`, which writes docs/yaml.md.
#pragma once

#include <string>
#include <vector>

#include "search/experiment/yaml/yaml_reader.h"

namespace search {

/// A key of a section, and what it depends on.
struct DocumentedKey {
  KnownKey key;
  std::vector<std::string> only_with;  ///< as "strategy: target"; empty: always valid
};

/// The keys in the order in which they are read, those of a section together. No data are needed.
std::vector<DocumentedKey> documented_keys();

/// docs/yaml.md.
std::string yaml_reference();

}  // namespace search
