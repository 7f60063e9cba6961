// By what pixels are normalised inside files that take pixels. Used by the writers of this folder.
#pragma once

#include "eval/nets/net_info.h"
#include "eval/torch.h"
#include "storage/base/error.h"

namespace eval {

/// input = (pixel - mean) / deviation, with pixels in [0, 255]. Both are [C], fp32.
struct PixelStatistics {
  torch::Tensor mean, deviation;
};

/// Throws storage::Error(invalid) where mean and deviation are not known.
inline PixelStatistics pixel_statistics(const NetInfo& info) {
  if (!info.knows_pixels())
    throw storage::Error(
        storage::ErrorKind::invalid,
        "the file does not say by which mean and deviation its net was trained; valid: a net that nas-run exported, or without "
        "--end-to-end");
  return {torch::tensor(info.mean, torch::kFloat32) * 255, torch::tensor(info.deviation, torch::kFloat32) * 255};
}

/// What a file takes, for its metadata.
inline const char* takes(bool end_to_end) {
  return end_to_end ? "pixels from 0 to 255" : "(pixel / 255 - mean) / deviation";
}

}  // namespace eval
