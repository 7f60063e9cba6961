#include "search/plan/stage_parameters.h"

#include <algorithm>
#include <utility>

#include "eval/data/dataset.h"
#include "storage/base/fingerprint.h"
#include "storage/base/option.h"

namespace search {

namespace {

/// Takes the paths out of what a stage is told of its data or its net.
void erase_paths(const std::string& name, Json& value) {
  if (name == "net" && value.contains("weights")) value["weights"].erase("path");
  if (name != "data" || !value.contains("settings")) return;
  Json& settings = value["settings"];
  for (const storage::Option& option : eval::dataset_entry(settings.at("format").get<std::string>()).options)
    if (option.kind == storage::OptionKind::path) settings.erase(option.name);
}

std::vector<Parameter> parameters_of(const Json& object) {
  std::vector<Parameter> parameters;
  for (const auto& [name, value] : object.items()) parameters.emplace_back(name, value);
  return parameters;
}

}  // namespace

Parameter::Parameter(std::string name, Json value) {
  std::string text = storage::canonical(value);
  erase_paths(name, value);
  content_ = std::make_shared<const Content>(Content{std::move(name), std::move(text), storage::canonical(value)});
}

StageParameters::StageParameters(std::vector<Parameter> parameters) {
  std::sort(parameters.begin(), parameters.end(),
            [](const Parameter& one, const Parameter& other) { return one.content_->name < other.content_->name; });
  Content content;
  for (const Parameter& parameter : parameters) {
    const std::string key = (content.text.empty() ? "{" : ",") + storage::canonical(parameter.content_->name) + ":";
    content.text += key + parameter.content_->text;
    content.identity += key + parameter.content_->identity;
  }
  content.text += parameters.empty() ? "{}" : "}";
  content.identity += parameters.empty() ? "{}" : "}";
  if (content.identity == content.text) content.identity.clear();
  content_ = std::make_shared<const Content>(std::move(content));
}

StageParameters::StageParameters(const Json& object) : StageParameters(parameters_of(object)) {}

}  // namespace search
