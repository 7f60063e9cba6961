// The images of the samples: gratings that stand for what an image shows, in changing light, under noise. Used by the samples.
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "eval/samples/draws.h"

namespace eval {

/// What is shown is told by the gratings that are there, each a number from 0 to 44: `number % 3` is its channel, `number / 3 % 3` its kind
/// (waves across, waves down, or both), and each nine more make its waves shorter. A mirrored or shifted image shows the same.
/// CV_8UC3, red first. The same arguments give the same bytes.
cv::Mat draw_texture(const std::vector<int>& gratings, cv::Size size, std::uint64_t seed);

/// The bytes of a JPEG file. Throws storage::Error(internal) where the encoder refuses.
std::string encode_jpeg(const cv::Mat& image);

}  // namespace eval
