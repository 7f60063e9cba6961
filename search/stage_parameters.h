// The parameters of a stage: all that decides its result besides its inputs. Part of Stage; made by the strategies.
#pragma once

#include <memory>
#include <string>

#include "storage/base/json.h"

namespace search {

using storage::Json;

/// Immutable, and shared by its copies: a large plan holds equal parameters once.
class StageParameters {
 public:
  /// Throws storage::Error(invalid) where a text in it is not UTF-8.
  StageParameters(Json json = Json());

  const Json& json() const { return content_->json; }

  /// What enters the fingerprint: the canonical dump without the paths of data and weights. Their identities are there, and where they lie
  /// decides nothing.
  const std::string& identity() const { return content_->identity; }

 private:
  struct Content {
    Json json;
    std::string identity;
  };

  std::shared_ptr<const Content> content_;
};

}  // namespace search
