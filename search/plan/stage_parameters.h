// The parameters of a stage: all that decides its result besides its inputs. Part of Stage; made by the strategies.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/base/json.h"

namespace search {

using storage::Json;

/// One of them, as immutable text that copies share: a plan of 100,000 stages, most of them with the same data and training, takes
/// 260 MiB so.
class Parameter {
 public:
  /// Throws storage::Error(invalid) where a text in it is not UTF-8.
  Parameter(std::string name, const Json& value);

  /// `identity` enters the fingerprint in its place: `value` without paths.
  Parameter(std::string name, const Json& value, const Json& identity);

 private:
  friend class StageParameters;

  struct Content {
    std::string name, text;
    std::string identity;  ///< the text without paths
  };

  std::shared_ptr<const Content> content_;
};

/// Immutable text too, so that a plan of many stages is small in memory.
class StageParameters {
 public:
  /// No name may come twice.
  StageParameters(std::vector<Parameter> parameters);

  /// Of an object's keys and values, none with a path in it. Throws as Parameter does.
  StageParameters(const Json& object = Json::object());

  Json json() const { return Json::parse(content_->text); }

  /// The canonical dump.
  const std::string& text() const { return content_->text; }

  /// What enters the fingerprint: the canonical dump of each parameter's Located::identity.
  const std::string& identity() const { return content_->identity.empty() ? content_->text : content_->identity; }

 private:
  struct Content {
    std::string text;
    std::string identity;  ///< empty where it is the text
  };

  std::shared_ptr<const Content> content_;
};

}  // namespace search
