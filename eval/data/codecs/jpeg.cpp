// Through libjpeg-turbo.
#include <fmt/format.h>
#include <turbojpeg.h>

#include <cstdint>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "eval/data/codecs/codec.h"

namespace eval {
namespace {

/// The smallest of the sizes that the decoder itself can make which is not below the frame on either side.
tjscalingfactor scaling(int width, int height, const ImageFrame& frame) {
  int count = 0;
  const tjscalingfactor* factors = tjGetScalingFactors(&count);
  tjscalingfactor best{1, 1};
  for (const tjscalingfactor& factor : std::span(factors, static_cast<std::size_t>(count))) {
    if (factor.num > factor.denom || TJSCALED(width, factor) < frame.side || TJSCALED(height, factor) < frame.side) continue;
    if (factor.num * best.denom < best.num * factor.denom) best = factor;
  }
  return best;
}

/// The inks of a JPEG for print, stored inverted as Adobe does, as RGB.
cv::Mat from_cmyk(const cv::Mat& inks) {
  cv::Mat rgb(inks.rows, inks.cols, CV_8UC3);
  for (int y = 0; y < inks.rows; ++y) {
    for (int x = 0; x < inks.cols; ++x) {
      const auto& ink = inks.at<cv::Vec4b>(y, x);
      for (int c = 0; c < 3; ++c) rgb.at<cv::Vec3b>(y, x)[c] = static_cast<std::uint8_t>(ink[c] * ink[3] / 255);
    }
  }
  return rgb;
}

Decoded decode_jpeg(std::string_view bytes, const ImageFrame& frame) {
  // Not kept: a header that is broken leaves the decoder in a state in which it refuses sound files.
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), &tjDestroy);
  int width = 0, height = 0, subsampling = 0, colours = 0;
  if (tjDecompressHeader3(decoder.get(), data_of(bytes), bytes.size(), &width, &height, &subsampling, &colours) != 0)
    return {{}, fmt::format("is a broken JPEG: {}", tjGetErrorStr2(decoder.get()))};
  if (std::string wrong = check_size(width, height, frame); !wrong.empty()) return {{}, std::move(wrong)};

  const bool cmyk = colours == TJCS_CMYK || colours == TJCS_YCCK;
  const int format = cmyk ? TJPF_CMYK : frame.gray ? TJPF_GRAY : TJPF_RGB;
  const tjscalingfactor factor = scaling(width, height, frame);
  cv::Mat image(TJSCALED(height, factor), TJSCALED(width, factor), CV_8UC(tjPixelSize[format]));
  if (tjDecompress2(decoder.get(), data_of(bytes), bytes.size(), image.data, image.cols, 0, image.rows, format,
                    TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) != 0) {
    const std::string message = tjGetErrorStr2(decoder.get());
    // Files with a harmless oddity are common; one that ends early misses part of its picture.
    if (tjGetErrorCode(decoder.get()) != TJERR_WARNING || message.find("Premature end") != std::string::npos)
      return {{}, fmt::format("is a broken JPEG: {}", message)};
  }
  if (cmyk) image = from_cmyk(image);
  if (cmyk && frame.gray) cv::cvtColor(image, image, cv::COLOR_RGB2GRAY);
  return {image, ""};
}

ImageHeader read_jpeg_header(std::string_view bytes) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), &tjDestroy);
  ImageHeader header;
  int subsampling = 0, colours = 0;
  if (tjDecompressHeader3(decoder.get(), data_of(bytes), bytes.size(), &header.width, &header.height, &subsampling, &colours) != 0)
    return {};
  header.gray = colours == TJCS_GRAY;
  return header;
}

}  // namespace

constinit const Codec jpeg_codec{"JPEG",
                                 {".jpg", ".jpeg", ".jpe", ".jfif"},
                                 [](std::string_view bytes) { return bytes.starts_with("\xff\xd8\xff"); },
                                 &decode_jpeg,
                                 &read_jpeg_header,
                                 &exif_orientation};

}  // namespace eval
