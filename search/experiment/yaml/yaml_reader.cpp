#include "search/experiment/yaml/yaml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "storage/base/error.h"
#include "storage/base/option_text.h"

namespace search {

using storage::Json;
using storage::Option;
using storage::OptionKind;

namespace {

/// "prune.criteria.0" as "prune.criteria[]".
std::string section_name(const std::string& path) {
  std::string name;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    const bool is_index = part.find_first_not_of("0123456789") == std::string::npos;
    name += is_index ? "[]" : (name.empty() ? "" : ".") + part;
    begin = end + 1;
  }
  return name;
}

/// What a decimal comma in braces leaves: {lr: 0,01} is {lr: 0, 01: ~}.
bool is_decimal(const YamlNode::Member& member) {
  return member.value.kind == YamlNode::Kind::null && member.key.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

YamlReader::YamlReader(const YamlNode& node, std::string path, std::filesystem::path folder, KeyLog* log)
    : node_(&node), where_(node.where), path_(std::move(path)), folder_(std::move(folder)), log_(log) {}

YamlReader YamlReader::child(const YamlNode& node, const std::string& key) const {
  return {node, join_key(path_, key), folder_, log_};
}

YamlReader YamlReader::named() const {
  YamlReader reader = *this;
  reader.named_ = is(YamlNode::Kind::scalar);
  return reader;
}

void YamlReader::log(KnownKey key) const {
  if (log_ == nullptr) return;
  key.section = section_name(path_);
  log_->push_back(std::move(key));
}

std::optional<YamlReader> YamlReader::find(const std::string& key, const std::string& doc) {
  log({.key = key, .doc = doc});
  return look_up(key);
}

std::optional<YamlReader> YamlReader::look_up(const std::string& key) {
  known_.push_back(key);
  if (named_) return key == "name" ? std::optional(YamlReader(*node_, path_, folder_, log_)) : std::nullopt;
  if (!is(YamlNode::Kind::mapping) && !is(YamlNode::Kind::null)) fail("is not a mapping; valid: keys, as in '{" + key + ": ...}'");
  const YamlNode* value = node_->find(key);
  return value == nullptr ? std::nullopt : std::optional(child(*value, key));
}

YamlReader YamlReader::require(const std::string& key, const std::string& valid) {
  log({.key = key, .doc = valid, .required = true});
  std::optional<YamlReader> value = look_up(key);
  if (!value) fail_at(where_, join_key(path_, key), "missing; valid: " + valid);
  return *value;
}

YamlReader YamlReader::section(const std::string& key, const std::string& doc) {
  static const YamlNode empty;
  if (const std::optional<YamlReader> given = find(key, doc)) return *given;
  YamlReader section = child(empty, key);
  section.where_ = where_;
  return section;
}

std::vector<YamlReader> YamlReader::items() const {
  if (!is(YamlNode::Kind::list) && !is(YamlNode::Kind::null)) fail("is not a list; valid: as in '[a, b]'");
  std::vector<YamlReader> items;
  for (const YamlNode& item : node_->items) items.push_back(child(item, std::to_string(items.size())));
  return items;
}

std::vector<std::pair<std::string, YamlReader>> YamlReader::members() const {
  if (!is(YamlNode::Kind::mapping) && !is(YamlNode::Kind::null)) fail("is not a mapping; valid: as in '{name: {...}}'");
  std::vector<std::pair<std::string, YamlReader>> members;
  for (const YamlNode::Member& member : node_->members) members.emplace_back(member.key, child(member.value, member.key));
  return members;
}

Json YamlReader::read(const Option& option) const {
  if (option.kind == OptionKind::names || option.kind == OptionKind::reals) {
    Json values = Json::array();
    for (const YamlReader& item : items()) values.push_back(item.element(option));
    if (values.empty()) checked([&] { return check_option(option, values); });
    return values;
  }
  if (!is(YamlNode::Kind::scalar)) fail(fmt::format("is not a single value; valid: {} ({})", storage::valid_values(option), option.doc));
  if (option.kind == OptionKind::path && node_->text.empty()) fail("is not a path; valid: " + option.doc);
  Json value = checked([&] { return parse_option(option, node_->text); });
  return option.kind == OptionKind::path ? Json((folder_ / value.get<std::string>()).lexically_normal().string()) : value;
}

Json YamlReader::element(const Option& list) const {
  if (!is(YamlNode::Kind::scalar)) fail("is not a single value");
  if (list.kind == OptionKind::names) return checked([&] { return check_option(list, Json::array({node_->text})).at(0); });
  return checked(
      [&] { return storage::parse_option({.name = list.name, .kind = OptionKind::real, .min = list.min, .max = list.max}, node_->text); });
}

std::string YamlReader::one_of(const std::string& what, const std::vector<std::string>& names) const {
  if (!is(YamlNode::Kind::scalar) || std::find(names.begin(), names.end(), node_->text) == names.end()) {
    fail("is not " + what + storage::suggestion(node_->text, names));
  }
  return node_->text;
}

std::string YamlReader::safe_name() const {
  const std::string& name = node_->text;
  const auto letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  const auto valid = [&](char c) { return letter(c) || std::string_view("._-@+").find(c) != std::string_view::npos; };
  if (name.empty() || name.size() > 64 || !letter(name[0]) || !std::all_of(name.begin(), name.end(), valid)) {
    fail("is not a name; valid: up to 64 letters, digits and . _ - @ +, starting with a letter or digit");
  }
  return name;
}

Json YamlReader::value(const Option& option, bool inherited) {
  log({.key = option.name,
       .doc = option.doc,
       .option = option,
       .required = option.fallback.is_null() && !option.optional,
       .inherited = inherited});
  if (const std::optional<YamlReader> given = look_up(option.name)) return given->read(option);
  if (option.fallback.is_null() && !option.optional) fail_at(where_, join_key(path_, option.name), "missing; valid: " + option.doc);
  return option.fallback;
}

Json YamlReader::values(const storage::Options& options, const Json& inherited) {
  Json values = Json::object();
  for (Option option : options) {
    const bool is_inherited = inherited.contains(option.name);
    if (is_inherited) option.fallback = inherited.at(option.name);
    Json value = this->value(option, is_inherited);
    if (!value.is_null()) values[option.name] = std::move(value);
  }
  return values;
}

void YamlReader::finish() const {
  for (const YamlNode::Member& member : node_->members) {
    bool known = false;
    for (const std::string& key : known_) known = known || key == member.key;
    if (!known) {
      fail_at(member.where, join_key(path_, member.key),
              "'" + member.key + "' is not a key" +
                  (is_decimal(member) ? "; valid: decimals behind a point, as in 0.01" : storage::suggestion(member.key, known_)));
    }
  }
}

void YamlReader::fail(const std::string& problem) const {
  fail_at(where_, path_, describe(*node_) + " " + problem);
}

}  // namespace search
