// Where workers on other machines keep what stages leave. Used by the executors.
#pragma once

#include <filesystem>

namespace search {

/// The results' folder as workers find it: itself where `shared` is "", else SHARED/NAME, NAME being that of the results' folder, whose
/// artifacts and checkpoints are links to there from then on. Throws storage::Error(invalid) where the results hold artifacts already.
std::filesystem::path shared_results(const std::filesystem::path& directory, const std::filesystem::path& shared);

}  // namespace search
