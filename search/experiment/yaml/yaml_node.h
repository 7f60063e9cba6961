// A YAML file as a tree of values that know where they stand; read by YamlReader. yaml-cpp is used in yaml_node.cpp alone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace search {

/// A scalar, a list or a mapping. Aliases are expanded, scalars are text. What a mapping takes over by `<<` (a mapping or a list of them;
/// the mapping's own keys win, then those of the first) stands behind its own keys and says where it was written.
struct YamlNode {
  enum class Kind { null, scalar, list, mapping };
  struct Member;

  Kind kind = Kind::null;
  std::string where;            ///< "file.yaml:3:5", or "-s key.path=value" for what an override set
  std::string text;             ///< scalar
  std::string variable = {};    ///< the environment variable that the text names, or the first of them; ""
  std::vector<YamlNode> items;  ///< list
  std::vector<Member> members;  ///< mapping, in the order of the file; keys are unique

  /// The value of a key of a mapping, or null.
  const YamlNode* find(const std::string& key) const;
};

struct YamlNode::Member {
  std::string key;
  std::string where;  ///< of the key
  YamlNode value;
};

/// The nesting that a file may have.
constexpr int max_yaml_depth = 32;
/// The size that a file may have, and (times 16) what it may grow to when its aliases are expanded.
constexpr std::size_t max_yaml_bytes = 1 << 20;

/// The one document of the text; null for an empty one. `file` is what messages call it.
/// Throws storage::Error(invalid), "file:line:column: ...", for bad syntax, a key given twice, and what passes the limits above.
YamlNode parse_yaml(const std::string& text, const std::string& file);

/// Removes the keys of the root that begin with "x-": homes of anchors, which are expanded by now.
void drop_extensions(YamlNode& root);

/// The tree as YAML that reads as the same tree: comments, aliases and the file's way to write it are gone.
std::string to_yaml(const YamlNode& root);

/// Sets what `path` names ("train.epochs", "nets.0.width") to a value written as YAML. Keys that are missing are made; a list index must
/// exist. Throws storage::Error(invalid), "-s path=value: ...".
void apply_override(YamlNode& root, const std::string& path, const std::string& value);

/// Value of an environment variable, or nothing.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Fills in ${NAME} and ${NAME:-default} in every scalar, once: what is filled in is not looked at again. An empty variable takes its
/// default. Throws storage::Error(invalid) for a variable that is not set, or is empty, and has no default. `path` opens the key paths of
/// messages.
void fill_environment(YamlNode& node, const Environment& environment, const std::string& path = "");

/// A value for messages: 'text' (shortened), "a list", "a mapping" or "nothing".
std::string describe(const YamlNode& node);

/// "path.key", or "key" at the root.
std::string join_key(const std::string& path, const std::string& key);

/// Throws storage::Error(invalid): "where: path: problem", without the path at the root.
[[noreturn]] void fail_at(const std::string& where, const std::string& path, const std::string& problem);

}  // namespace search
