#include "search/plan/stage_parameters.h"

#include <algorithm>
#include <utility>

#include "storage/base/fingerprint.h"

namespace search {

namespace {

std::vector<Parameter> parameters_of(const Json& object) {
  std::vector<Parameter> parameters;
  for (const auto& [name, value] : object.items()) parameters.emplace_back(name, value);
  return parameters;
}

}  // namespace

Parameter::Parameter(std::string name, const Json& value) : Parameter(std::move(name), value, value) {}

Parameter::Parameter(std::string name, const Json& value, const Json& identity)
    : content_(std::make_shared<const Content>(Content{std::move(name), storage::canonical(value), storage::canonical(identity)})) {}

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
