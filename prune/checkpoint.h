// The state of a training run after an epoch, in one file: a killed stage goes on from it with the same bits.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "eval/nets/net.h"
#include "eval/torch.h"
#include "prune/optimizer.h"
#include "storage/base/json.h"

namespace prune {

struct Checkpoint {
  eval::Weights weights, best;  ///< now, and at the best validation accuracy so far
  eval::Weights average;        ///< moving average; empty where there is none
  storage::Json progress;       ///< epochs done, history
};

/// Replaces `path` whole, durably. The optimiser's state goes with it.
void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint, const Optimizer& optimizer);

/// Reads `path`, with an average where `averaged`, into both. False where there is none, or where it is damaged, of another net, or of a
/// training that began `from` another one, as its progress says ("": any will do): training then starts anew.
bool read_checkpoint(const std::filesystem::path& path, const eval::Weights& like, bool averaged, const std::string& from,
                     Checkpoint& checkpoint, Optimizer& optimizer);

}  // namespace prune
