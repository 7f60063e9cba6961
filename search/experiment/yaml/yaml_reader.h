// Reads a part of a YAML file by tables of options; every error says where it stands. Used to load experiments.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "search/experiment/yaml/yaml_node.h"
#include "storage/base/error.h"
#include "storage/base/option.h"

namespace search {

/// A key that a reader was asked for, whether the file has it or not: docs/yaml.md is made of these.
struct KnownKey {
  std::string section;  ///< "" at the root, or as "prune.criteria[]"
  std::string key, doc;
  std::optional<storage::Option> option = {};  ///< where it is read by one
  bool required = false;
  bool inherited = false;  ///< not given, it takes another section's value
};
using KeyLog = std::vector<KnownKey>;

/// One value of the tree with its key path. It notes which keys were asked for: those are the valid ones when finish() looks for others.
/// Every failure is storage::Error(invalid) "file:line:column: key.path: 'value' is not what is valid".
class YamlReader {
 public:
  /// `folder`: where relative paths start. `node` must outlive the reader. `log`: takes every key that is asked for, here and below.
  YamlReader(const YamlNode& node, std::string path, std::filesystem::path folder, KeyLog* log = nullptr);

  const YamlNode& node() const { return *node_; }
  bool is(YamlNode::Kind kind) const { return node_->kind == kind; }

  /// This value, read as `{name: value}` where it is a scalar.
  YamlReader named() const;

  /// The key of a mapping, or nothing where it is absent. Fails where this is not a mapping. `doc`: a sentence for the log.
  std::optional<YamlReader> find(const std::string& key, const std::string& doc = "");

  /// The key of a mapping that must be there; `valid` says what to give.
  YamlReader require(const std::string& key, const std::string& valid);

  /// The key of a mapping; absent, it reads as an empty mapping or list. `doc`: a sentence for the log.
  YamlReader section(const std::string& key, const std::string& doc = "");

  /// The entries of a list; none where nothing follows the key.
  std::vector<YamlReader> items() const;

  /// The entries of a mapping whose keys are names of the user's choice.
  std::vector<std::pair<std::string, YamlReader>> members() const;

  /// This value as the option wants it: typed and checked; a `path` is made absolute.
  storage::Json read(const storage::Option& option) const;

  /// This scalar's text, which must be one of the names; `what` says what they are ("a net").
  std::string one_of(const std::string& what, const std::vector<std::string>& names) const;

  /// This scalar's text as the name of a thing or folder: up to 64 letters, digits, and . _ - @ + after the first.
  std::string safe_name() const;

  /// The option's key of this mapping, as read() gives it; absent: its default, or null where it is optional.
  storage::Json value(const storage::Option& option) { return value(option, false); }

  /// All keys of a table. A key that is not given takes its value from `inherited` where that has it, else its default.
  storage::Json values(const storage::Options& options, const storage::Json& inherited = storage::Json::object());

  /// What `check` gives; its storage::Error gets this value's place in front.
  template <typename Check>
  auto checked(const Check& check) const {
    try {
      return check();
    } catch (const storage::Error& error) {
      fail_at(where_, path_, error.what());
    }
  }

  /// Fails for the first key that was never asked for, with the nearest that was.
  void finish() const;

  /// Fails with this value's place: "where: path: 'value' problem"; the problem reads on from the value ("is not ...; valid: ...").
  [[noreturn]] void fail(const std::string& problem) const;

 private:
  std::optional<YamlReader> look_up(const std::string& key);
  void log(KnownKey key) const;
  storage::Json value(const storage::Option& option, bool inherited);
  storage::Json element(const storage::Option& list) const;
  YamlReader child(const YamlNode& node, const std::string& key) const;

  const YamlNode* node_;
  std::string where_, path_;
  std::filesystem::path folder_;
  KeyLog* log_;
  bool named_ = false;
  std::vector<std::string> known_;
};

}  // namespace search
