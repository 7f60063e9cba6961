// The training curves of a run as TensorBoard shows them. Used by `nas-run export --to tensorboard`.
#pragma once

#include <filesystem>

#include "storage/repository.h"

namespace search {

/// Writes an event file for each stage that trained, in a folder of `directory` that bears its label: "train/loss", "val/accuracy" and what
/// else was measured each epoch, over epochs. A file that is there is replaced. An event's time is that of the stage's end, since an
/// epoch's is not stored. Returns how many files there are. Throws storage::Error(environment) where they cannot be written.
int write_tensorboard_files(const storage::Repository& repository, const std::filesystem::path& directory);

}  // namespace search
