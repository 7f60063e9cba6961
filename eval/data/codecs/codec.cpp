#include "eval/data/codecs/codec.h"

#include <fmt/format.h>
#include <libexif/exif-data.h>

#include <algorithm>
#include <array>
#include <memory>
#include <opencv2/imgproc.hpp>

namespace eval {
namespace {

constexpr std::int64_t max_pixels = 1 << 27;  // of one file: a header can promise more than a machine has

}  // namespace

std::span<const Codec> codecs() {
  static const std::array rows{jpeg_codec, png_codec, bmp_codec, tiff_codec, webp_codec};
  return rows;
}

const Codec* find_codec(std::string_view bytes) {
  const auto found = std::find_if(codecs().begin(), codecs().end(), [&](const Codec& codec) { return codec.begins(bytes); });
  return found == codecs().end() ? nullptr : &*found;
}

std::string check_size(std::int64_t width, std::int64_t height, const ImageFrame& frame) {
  if (width < 1 || height < 1 || width > max_pixels || height > max_pixels || width * height > max_pixels)
    return fmt::format("declares {} x {} pixels; valid are 1 to {} in all", width, height, max_pixels);
  if (frame.source_side > 0 && (width != frame.source_side || height != frame.source_side))
    return fmt::format("has {} x {} pixels, not {} x {}", width, height, frame.source_side, frame.source_side);
  return "";
}

cv::Mat on_black(const cv::Mat& rgba, const ImageFrame& frame) {
  cv::Mat rgb(rgba.rows, rgba.cols, CV_8UC3);
  for (int y = 0; y < rgba.rows; ++y) {
    for (int x = 0; x < rgba.cols; ++x) {
      const auto& from = rgba.at<cv::Vec4b>(y, x);
      for (int c = 0; c < 3; ++c) rgb.at<cv::Vec3b>(y, x)[c] = static_cast<std::uint8_t>((from[c] * from[3] + 127) / 255);
    }
  }
  if (frame.gray) cv::cvtColor(rgb, rgb, cv::COLOR_RGB2GRAY);  // BT.601, as a JPEG's grey
  return rgb;
}

cv::Mat without_alpha(const cv::Mat& rgba, const ImageFrame& frame) {
  cv::Mat image;
  cv::cvtColor(rgba, image, frame.gray ? cv::COLOR_RGBA2GRAY : cv::COLOR_RGBA2RGB);
  return image;
}

const unsigned char* data_of(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

int exif_orientation(std::string_view exif) {
  constexpr std::string_view mark("Exif\0\0", 6);
  const bool is_marked = exif.starts_with(mark) || exif.starts_with("\xff\xd8");
  const std::string block = is_marked ? std::string(exif) : std::string(mark).append(exif);
  const std::unique_ptr<ExifData, void (*)(ExifData*)> data(exif_data_new_from_data(data_of(block), static_cast<unsigned>(block.size())),
                                                            &exif_data_unref);
  const ExifEntry* entry = data ? exif_data_get_entry(data.get(), EXIF_TAG_ORIENTATION) : nullptr;
  if (entry == nullptr || entry->format != EXIF_FORMAT_SHORT || entry->size < 2) return 1;
  const int value = exif_get_short(entry->data, exif_data_get_byte_order(data.get()));
  return value >= 1 && value <= 8 ? value : 1;
}

}  // namespace eval
