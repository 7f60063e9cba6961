// The parameters of a stage: all that decides its result besides its inputs. Part of Stage; made by the strategies.
#pragma once

#include <memory>
#include <string>

#include "storage/base/json.h"

namespace search {

using storage::Json;

/// Immutable text, shared by its copies: a plan of many stages is small in memory, and holds equal parameters once.
class StageParameters {
 public:
  /// Throws storage::Error(invalid) where a text in it is not UTF-8.
  StageParameters(Json json = Json());

  Json json() const { return Json::parse(content_->text); }

  /// The canonical dump.
  const std::string& text() const { return content_->text; }

  /// What enters the fingerprint: the canonical dump without the paths of data and weights. Their identities are there, and where they lie
  /// decides nothing.
  const std::string& identity() const { return content_->identity.empty() ? content_->text : content_->identity; }

 private:
  struct Content {
    std::string text;
    std::string identity;  ///< empty where it is the text
  };

  std::shared_ptr<const Content> content_;
};

}  // namespace search
