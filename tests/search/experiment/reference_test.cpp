#include "search/experiment/yaml/yaml_reference.h"

#include <catch2/catch.hpp>

#include "storage/base/file.h"

using search::DocumentedKey;

namespace {

const DocumentedKey* find(const std::vector<DocumentedKey>& keys, const std::string& section, const std::string& key) {
  for (const DocumentedKey& each : keys)
    if (each.key.section == section && each.key.key == key) return &each;
  return nullptr;
}

}  // namespace

TEST_CASE("docs/yaml.md is what the reader says") {
  CHECK(storage::read_file(NAS_DOCS "/yaml.md") == search::yaml_reference());
}

TEST_CASE("the reference has every key with a sentence, and says what a key depends on") {
  const auto keys = search::documented_keys();
  for (const DocumentedKey& each : keys) {
    INFO(each.key.section << ": " << each.key.key);
    CHECK_FALSE(each.key.doc.empty());
  }
  using Names = std::vector<std::string>;
  const DocumentedKey* ridge = find(keys, "prune.criteria[]", "ridge");
  REQUIRE(ridge != nullptr);
  CHECK(ridge->only_with == Names{"name: lda"});
  REQUIRE(find(keys, "prune.criteria[]", "label") != nullptr);
  CHECK(find(keys, "prune.criteria[]", "label")->only_with.empty());
  REQUIRE(find(keys, "search", "children") != nullptr);
  CHECK(find(keys, "search", "children")->only_with == Names{"strategy: pareto"});
  REQUIRE(find(keys, "prune.schedules[]", "steps") != nullptr);
  CHECK(find(keys, "prune.schedules[]", "steps")->only_with == Names{"eta: {from, step}"});
  for (const auto& [section, key] : std::vector<std::pair<std::string, std::string>>{{"", "schema"},
                                                                                     {"data.NAME", "root"},
                                                                                     {"tasks[]", "dataset"},
                                                                                     {"nets[]", "weights"},
                                                                                     {"train.optimizer", "lr"},
                                                                                     {"prune.retrain.distill", "temperature"},
                                                                                     {"prune.schedules[].eta", "from"},
                                                                                     {"baselines[]", "keep"},
                                                                                     {"objectives[]", "direction"},
                                                                                     {"resources", "memory_per_trial"},
                                                                                     {"reliability.retries", "oom"}})
    CHECK(find(keys, section, key) != nullptr);
}
