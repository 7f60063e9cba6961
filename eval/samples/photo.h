// What a camera adds to a drawing: a background, light, blur and noise; and the JPEG file. Used by the samples.
#pragma once

#include <opencv2/core.hpp>
#include <string>

#include "eval/samples/draws.h"
#include "eval/samples/pen.h"

namespace eval {

/// How a picture was taken.
struct Shot {
  double gain = 1;                ///< of all pixels
  double side_x = 0, side_y = 0;  ///< how much lighter one side is: a share of the gain
  Colour cast{1, 1, 1};           ///< of the light
  double blur = 0;                ///< deviation in 1/100 of the image's width
  double noise = 0;               ///< deviation in steps of 255
};

/// One of everyday: day light or a lamp, sharp or not quite.
Shot draw_shot(Draws& draws);

/// A canvas (CV_8UC3, red first) with a wall of one colour into another and some things out of focus on it.
cv::Mat draw_background(cv::Size size, Draws& draws);

/// The picture of a drawing: in its light, brought to `size`, with noise from `seed`.
cv::Mat take_picture(const cv::Mat& drawing, const Shot& shot, cv::Size size, std::uint64_t seed);

/// The bytes of a JPEG file. Throws storage::Error(internal) where the encoder refuses.
std::string encode_jpeg(const cv::Mat& image);

}  // namespace eval
