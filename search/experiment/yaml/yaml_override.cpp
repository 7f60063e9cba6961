#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "search/experiment/yaml/yaml_node.h"

namespace search {

namespace {

void set_origin(YamlNode& node, const std::string& origin) {
  node.where = origin;
  for (YamlNode& item : node.items) set_origin(item, origin);
  for (YamlNode::Member& member : node.members) {
    member.where = origin;
    set_origin(member.value, origin);
  }
}

YamlNode& item(YamlNode& list, const std::string& index, const std::string& path, const std::string& origin) {
  std::size_t position = 0;
  const auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), position);
  if (error == std::errc() && end == index.data() + index.size() && position < list.items.size()) return list.items[position];
  if (list.items.empty()) fail_at(origin, path, fmt::format("'{}' is not an entry; the list is empty", index));
  fail_at(origin, path, fmt::format("'{}' is not an entry; valid: 0 to {}", index, list.items.size() - 1));
}

YamlNode& member(YamlNode& mapping, const std::string& key, const std::string& origin) {
  mapping.kind = YamlNode::Kind::mapping;
  const auto found = std::find_if(mapping.members.begin(), mapping.members.end(), [&](const auto& each) { return each.key == key; });
  if (found != mapping.members.end()) return found->value;
  mapping.members.push_back({key, origin, YamlNode{.where = origin}});
  return mapping.members.back().value;
}

}  // namespace

void apply_override(YamlNode& root, const std::string& path, const std::string& value) {
  const std::string origin = fmt::format("-s {}={}", path, value);
  YamlNode given = parse_yaml(value, origin);
  set_origin(given, origin);

  YamlNode* node = &root;
  std::string walked;
  std::istringstream keys(path + ".");
  for (std::string key; std::getline(keys, key, '.');) {
    if (key.empty()) fail_at(origin, "", fmt::format("'{}' is not a key path; valid: as in train.epochs or nets.0.width", path));
    switch (node->kind) {
      case YamlNode::Kind::scalar:
        fail_at(origin, walked, fmt::format("{} has no keys, so '{}' can't be set", describe(*node), key));
      case YamlNode::Kind::list:
        node = &item(*node, key, walked, origin);
        break;
      case YamlNode::Kind::null:
      case YamlNode::Kind::mapping:
        node = &member(*node, key, origin);
        break;
    }
    walked = join_key(walked, key);
  }
  *node = std::move(given);
}

void fill_environment(YamlNode& node, const Environment& environment, const std::string& path) {
  for (std::size_t i = 0; i < node.items.size(); ++i) fill_environment(node.items[i], environment, join_key(path, std::to_string(i)));
  for (YamlNode::Member& member : node.members) fill_environment(member.value, environment, join_key(path, member.key));

  std::string filled;
  std::size_t from = 0;
  for (std::size_t at = node.text.find("${"); at != std::string::npos; at = node.text.find("${", from)) {
    const std::size_t end = node.text.find('}', at);
    if (end == std::string::npos) fail_at(node.where, path, describe(node) + " has a '${' without '}'; valid: ${NAME} or ${NAME:-default}");
    const std::string inside = node.text.substr(at + 2, end - at - 2);
    const std::size_t dash = inside.find(":-");
    const std::string name = inside.substr(0, dash);
    const std::string value = environment(name).value_or("");
    if (node.variable.empty()) node.variable = name;
    if (value.empty() && dash == std::string::npos) {
      fail_at(node.where, path,
              fmt::format("{} names a variable that is not set; valid: set {}, or write ${{{}:-default}}", describe(node), name, name));
    }
    filled += node.text.substr(from, at - from);
    filled += value.empty() ? inside.substr(dash + 2) : value;
    from = end + 1;
  }
  if (from > 0) node.text = filled + node.text.substr(from);
}

}  // namespace search
