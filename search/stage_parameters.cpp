#include "search/stage_parameters.h"

#include <utility>
#include <vector>

#include "eval/data/dataset.h"
#include "storage/base/fingerprint.h"
#include "storage/base/option.h"

namespace search {

using nlohmann::literals::operator""_json_pointer;

namespace {

/// Takes entries out of a value and puts them back at its end, which is cheaper than a copy without them.
class WithoutEntries {
 public:
  WithoutEntries() = default;
  WithoutEntries(const WithoutEntries&) = delete;
  WithoutEntries& operator=(const WithoutEntries&) = delete;

  void take(Json& object, const std::string& key) {
    const auto entry = object.find(key);
    if (entry == object.end()) return;
    taken_.push_back({&object, key, std::move(*entry)});
    object.erase(entry);
  }

  ~WithoutEntries() {
    for (Entry& entry : taken_) (*entry.object)[entry.key] = std::move(entry.value);
  }

 private:
  struct Entry {
    Json* object;
    std::string key;
    Json value;
  };

  std::vector<Entry> taken_;
};

std::string identity_of(Json& parameters) {
  const auto settings = "/data/settings"_json_pointer, weights = "/net/weights"_json_pointer;
  WithoutEntries paths;
  if (parameters.contains(weights)) paths.take(parameters[weights], "path");
  if (parameters.contains(settings)) {
    Json& data = parameters[settings];
    for (const storage::Option& option : eval::dataset_entry(data.at("format").get<std::string>()).options)
      if (option.kind == storage::OptionKind::path) paths.take(data, option.name);
  }
  return storage::canonical(parameters);
}

}  // namespace

StageParameters::StageParameters(Json json) {
  std::string identity = identity_of(json);
  content_ = std::make_shared<const Content>(Content{std::move(json), std::move(identity)});
}

}  // namespace search
