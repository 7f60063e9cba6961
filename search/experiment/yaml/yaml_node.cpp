#include "search/experiment/yaml/yaml_node.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "storage/base/error.h"

namespace search {

namespace {

/// What yaml-cpp calls the tag of a scalar without quotes.
constexpr const char* plain_tag = "?";
constexpr const char* merge_key = "<<";

std::string position(const std::string& file, const YAML::Mark& mark) {
  return mark.is_null() ? file : fmt::format("{}:{}:{}", file, mark.line + 1, mark.column + 1);
}

/// About the bytes of a subtree.
std::size_t weight(const YamlNode& node) {
  std::size_t sum = sizeof(YamlNode) + node.text.size();
  for (const YamlNode& item : node.items) sum += weight(item);
  for (const YamlNode::Member& member : node.members) sum += member.key.size() + weight(member.value);
  return sum;
}

std::size_t depth(const YamlNode& node) {
  std::size_t deepest = 0;
  for (const YamlNode& item : node.items) deepest = std::max(deepest, depth(item));
  for (const YamlNode::Member& member : node.members) deepest = std::max(deepest, depth(member.value));
  return node.kind == YamlNode::Kind::list || node.kind == YamlNode::Kind::mapping ? deepest + 1 : 0;
}

/// Builds the tree from yaml-cpp's events, so that the limits hold while the file is read.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string file) : file_(std::move(file)) {}

  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node{.where = position(file_, mark)};
    spend(node.where, weight(node));
    add(std::move(node), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    YamlNode node{.kind = YamlNode::Kind::scalar, .where = position(file_, mark), .text = value};
    spend(node.where, weight(node));
    add(std::move(node), anchor);
    if (tag == plain_tag && value == merge_key && !open_.empty() && open_.back().key) open_.back().merges = true;
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const std::string where = position(file_, mark);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail_at(where, path(), "an alias of a value that contains it");
    require_depth(where, open_.size() + depth(found->second));
    spend(where, weight(found->second));
    YamlNode node = found->second;
    node.where = where;
    add(std::move(node), 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open({.kind = YamlNode::Kind::list, .where = position(file_, mark)}, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open({.kind = YamlNode::Kind::mapping, .where = position(file_, mark)}, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  /// A list or mapping that is being read.
  struct Level {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    std::optional<YamlNode> key = {};                        ///< of a mapping: read, its value is awaited
    bool merges = false;                                     ///< the key that was read is `<<`, not quoted
    std::vector<YamlNode> merged = {};                       ///< what `<<` names, in its order
    std::unordered_map<std::string, std::string> keys = {};  ///< of a mapping, with where they stand
  };

  std::string path() const {
    std::string path;
    for (const Level& level : open_) {
      if (level.key) path = join_key(path, level.key->text);
      if (level.node.kind == YamlNode::Kind::list) path = join_key(path, std::to_string(level.node.items.size()));
    }
    return path;
  }

  void require_depth(const std::string& where, std::size_t levels) const {
    if (levels > max_yaml_depth) fail_at(where, path(), fmt::format("nested too deeply; valid: up to {} levels", max_yaml_depth));
  }

  void spend(const std::string& where, std::size_t bytes) {
    spent_ += bytes;
    if (spent_ > 16 * max_yaml_bytes) fail_at(where, path(), "the values, or what aliases repeat, take too much memory");
  }

  void open(YamlNode node, YAML::anchor_t anchor) {
    require_depth(node.where, open_.size() + 1);
    spend(node.where, weight(node));
    open_.push_back({.node = std::move(node), .anchor = anchor});
  }

  void close() {
    Level level = std::move(open_.back());
    open_.pop_back();
    for (YamlNode& source : level.merged)
      for (YamlNode::Member& member : source.members)
        if (level.keys.try_emplace(member.key, member.where).second) level.node.members.push_back(std::move(member));
    add(std::move(level.node), level.anchor);
  }

  void merge(Level& mapping, YamlNode value) {
    const auto take = [&](YamlNode& source) {
      if (source.kind != YamlNode::Kind::mapping)
        fail_at(source.where, path(), describe(source) + " is not to be merged; valid: a mapping or a list of them, as in '<<: *name'");
      mapping.merged.push_back(std::move(source));
    };
    if (value.kind != YamlNode::Kind::list) return take(value);
    for (YamlNode& item : value.items) take(item);
  }

  void add(YamlNode node, YAML::anchor_t anchor) {
    if (anchor != 0) {
      spend(node.where, weight(node));
      anchors_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (Level& level = open_.back(); level.node.kind == YamlNode::Kind::list) {
      level.node.items.push_back(std::move(node));
    } else if (level.merges) {
      merge(level, std::move(node));
      level.key.reset();
      level.merges = false;
    } else if (level.key) {
      level.node.members.push_back({level.key->text, level.key->where, std::move(node)});
      level.key.reset();
    } else {
      check_key(level, node);
      level.key = std::move(node);
    }
  }

  void check_key(Level& mapping, const YamlNode& key) const {
    if (key.kind != YamlNode::Kind::scalar) {
      fail_at(key.where, path(), describe(key) + " is not a key; valid: a word, as in 'epochs: 8'");
    }
    const auto [known, is_new] = mapping.keys.try_emplace(key.text, key.where);
    if (!is_new)
      fail_at(key.where, join_key(path(), key.text), fmt::format("{} is given twice, first at {}", describe(key), known->second));
  }

  std::string file_;
  YamlNode root_;
  std::vector<Level> open_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  std::size_t spent_ = 0;
};

void emit(YAML::Emitter& out, const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      out << YAML::Null;
      return;
    case YamlNode::Kind::scalar:
      out << node.text;
      return;
    case YamlNode::Kind::list:
      out << YAML::Flow << YAML::BeginSeq;
      for (const YamlNode& item : node.items) emit(out, item);
      out << YAML::EndSeq;
      return;
    case YamlNode::Kind::mapping:
      out << YAML::BeginMap;
      for (const YamlNode::Member& member : node.members) {
        out << YAML::Key;
        if (member.key == merge_key) out << YAML::DoubleQuoted;
        out << member.key << YAML::Value;
        emit(out, member.value);
      }
      out << YAML::EndMap;
      return;
  }
}

/// What is often meant where yaml-cpp gives up: a tab in the indentation, or a variable in braces without quotes; or "".
std::string syntax_hint(const std::string& text, const YAML::Mark& mark) {
  std::istringstream lines(text);
  std::string line;
  for (int number = 0; number <= mark.line && std::getline(lines, line); ++number) {
    const std::size_t indentation = std::min(line.find_first_not_of(" \t"), line.size());
    if (line.substr(0, indentation).find('\t') != std::string::npos && indentation < line.size())
      return fmt::format("; line {} is indented by a tab; valid: spaces", number + 1);
    const std::size_t variable = line.find("${");
    const bool in_braces = variable != std::string::npos && line.find_first_of("{[") < variable;
    if (in_braces && line.find_last_of("\"'", variable) == std::string::npos)
      return fmt::format("; the variable in line {} stands in braces or brackets; valid: in quotes, as in {{root: \"${{NAME}}\"}}",
                         number + 1);
  }
  return "";
}

}  // namespace

const YamlNode* YamlNode::find(const std::string& key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

YamlNode parse_yaml(const std::string& text, const std::string& file) {
  if (text.size() > max_yaml_bytes) {
    fail_at(file, "", fmt::format("{} bytes are too many for an experiment; valid: up to {}", text.size(), max_yaml_bytes));
  }
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    TreeBuilder builder(file);
    parser.HandleNextDocument(builder);
    YamlNode root = builder.take();
    if (root.where.empty()) root.where = file;
    TreeBuilder second(file);
    if (parser.HandleNextDocument(second)) fail_at(second.take().where, "", "a second document; valid: one experiment a file");
    return root;
  } catch (const YAML::Exception& error) {
    fail_at(position(file, error.mark), "", "not YAML: " + error.msg + syntax_hint(text, error.mark));
  }
}

void drop_extensions(YamlNode& root) {
  std::erase_if(root.members, [](const YamlNode::Member& member) { return member.key.starts_with("x-"); });
}

std::string to_yaml(const YamlNode& root) {
  YAML::Emitter out;
  out.SetNullFormat(YAML::TildeNull);
  emit(out, root);
  return std::string(out.c_str()) + "\n";
}

std::string describe(const YamlNode& node) {
  constexpr std::size_t longest = 60;
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::mapping:
      return "a mapping";
    case YamlNode::Kind::scalar:
      break;
  }
  return node.text.size() <= longest ? "'" + node.text + "'" : "'" + node.text.substr(0, longest) + "...'";
}

std::string join_key(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

void fail_at(const std::string& where, const std::string& path, const std::string& problem) {
  throw storage::Error(storage::ErrorKind::invalid, fmt::format("{}: {}{}{}", where, path, path.empty() ? "" : ": ", problem));
}

}  // namespace search
