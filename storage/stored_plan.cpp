#include "storage/stored_plan.h"

#include <fmt/format.h>

#include "storage/base/error.h"
#include "storage/database.h"
#include "storage/schema.h"

namespace storage {

StoredPlan::StoredPlan(const std::filesystem::path& directory)
    : database_(std::make_unique<Database>(directory / "experiment.db", Database::Access::read)) {
  database_->migrate(migrations(), views());  // checks the version
}

StoredPlan::~StoredPlan() = default;

StageRecord StoredPlan::stage(const std::string& fingerprint) const {
  const auto row = database_->first("SELECT number, kind, label, parameters FROM stage WHERE fingerprint = ?", {fingerprint});
  if (!row) throw Error(ErrorKind::internal, fmt::format("no plan has stage '{}'", fingerprint));
  StageRecord stage{fingerprint, text((*row)[1]), text((*row)[2]), Json::parse(text((*row)[3])), {}};
  database_->each("SELECT role, fingerprint FROM input JOIN stage ON stage.number = source WHERE input.stage = ? ORDER BY position",
                  {(*row)[0]}, [&](const Row& input) { stage.inputs.push_back({text(input[0]), text(input[1])}); });
  return stage;
}

}  // namespace storage
