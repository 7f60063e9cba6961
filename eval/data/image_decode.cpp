#include "eval/data/image_decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "eval/data/codecs/codec.h"

namespace eval {

std::string image_formats() {
  std::vector<std::string_view> names;
  for (const Codec& codec : codecs()) names.push_back(codec.name);
  return fmt::format("{} or {}", fmt::join(names.begin(), names.end() - 1, ", "), names.back());
}

bool ends_as_image(std::string_view extension) {
  return !extension.empty() && std::any_of(codecs().begin(), codecs().end(), [&](const Codec& codec) {
    return std::find(codec.extensions.begin(), codec.extensions.end(), extension) != codec.extensions.end();
  });
}

namespace {

cv::Mat upright(const cv::Mat& image, int orientation) {
  cv::Mat turned = image, flipped;
  if (orientation >= 5) cv::transpose(image, turned);
  switch (orientation) {
    case 2:
    case 6:
      cv::flip(turned, flipped, 1);  // left and right
      return flipped;
    case 4:
    case 8:
      cv::flip(turned, flipped, 0);  // top and bottom
      return flipped;
    case 3:
    case 7:
      cv::flip(turned, flipped, -1);
      return flipped;
    default:
      return turned;
  }
}

Decoded decode(std::string_view bytes, const ImageFrame& frame) {
  if (bytes.empty()) return {{}, "is empty"};
  if (const Codec* codec = find_codec(bytes)) {
    Decoded decoded = codec->decode(bytes, frame);
    if (decoded.broken.empty() && frame.turn) decoded.image = upright(decoded.image, codec->orientation(bytes));
    return decoded;
  }
  std::string begin;
  for (const char byte : bytes.substr(0, 4)) begin += fmt::format(" {:02x}", static_cast<unsigned char>(byte));
  return {{}, fmt::format("is no {}: it begins with{}", image_formats(), begin)};
}

/// A side over the other: the middle of a longer image is scaled with all of it.
constexpr int kMostElongated = 100;

/// The image at the frame's size.
cv::Mat fit(const cv::Mat& image, const ImageFrame& frame) {
  int width = frame.side, height = frame.side;
  if (!frame.stretch) {
    const double factor = static_cast<double>(frame.side) / std::min(image.cols, image.rows);
    width = std::max(frame.side, static_cast<int>(std::lround(image.cols * factor)));
    height = std::max(frame.side, static_cast<int>(std::lround(image.rows * factor)));
  }
  cv::Mat resized = image;
  if (image.cols != width || image.rows != height) {
    const bool smaller = width <= image.cols && height <= image.rows;
    cv::resize(image, resized, {width, height}, 0, 0, smaller ? cv::INTER_AREA : cv::INTER_LINEAR);
  }
  return resized({(width - frame.side) / 2, (height - frame.side) / 2, frame.side, frame.side});
}

}  // namespace

std::string decode_image(std::string_view bytes, const ImageFrame& frame, std::span<std::uint8_t> planes) {
  const Decoded decoded = decode(bytes, frame);
  if (!decoded.broken.empty()) return decoded.broken;
  const auto [shorter, longer] = std::minmax(decoded.image.cols, decoded.image.rows);
  if (longer > kMostElongated * shorter)
    return fmt::format("has {} x {} pixels: one side is more than {} times the other", decoded.image.cols, decoded.image.rows,
                       kMostElongated);
  const cv::Mat fitted = fit(decoded.image, frame);
  std::vector<cv::Mat> channels;
  for (int c = 0; c < frame.channels(); ++c)
    channels.emplace_back(frame.side, frame.side, CV_8UC1, planes.data() + static_cast<std::size_t>(c) * frame.side * frame.side);
  cv::split(fitted, channels);
  return "";
}

}  // namespace eval
