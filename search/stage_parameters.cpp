#include "search/stage_parameters.h"

#include <utility>

#include "eval/data/dataset.h"
#include "storage/base/fingerprint.h"
#include "storage/base/option.h"

namespace search {

using nlohmann::literals::operator""_json_pointer;

namespace {

/// Takes the paths out. Returns whether there were any.
bool erase_paths(Json& parameters) {
  const auto settings = "/data/settings"_json_pointer, weights = "/net/weights"_json_pointer;
  std::size_t erased = 0;
  if (parameters.contains(weights)) erased += parameters[weights].erase("path");
  if (parameters.contains(settings)) {
    Json& data = parameters[settings];
    for (const storage::Option& option : eval::dataset_entry(data.at("format").get<std::string>()).options)
      if (option.kind == storage::OptionKind::path) erased += data.erase(option.name);
  }
  return erased > 0;
}

}  // namespace

StageParameters::StageParameters(Json json) {
  Content content{storage::canonical(json), ""};
  if (erase_paths(json)) content.identity = storage::canonical(json);
  content_ = std::make_shared<const Content>(std::move(content));
}

}  // namespace search
