#include "eval/data/image_decode.h"

#include <fmt/format.h>
#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace eval {
namespace {

constexpr std::int64_t max_pixels = 1 << 27;  // of one file: a header can promise more than a machine has

/// An image as decoded: 8-bit grey or interleaved RGB, or why there is none.
struct Decoded {
  cv::Mat image;
  std::string broken;
};

/// "" or what is wrong with the size that a header declares.
std::string check_size(std::int64_t width, std::int64_t height, const ImageFrame& frame) {
  if (width < 1 || height < 1 || width * height > max_pixels)
    return fmt::format("declares {} x {} pixels; valid are 1 to {} in all", width, height, max_pixels);
  if (frame.source_side > 0 && (width != frame.source_side || height != frame.source_side))
    return fmt::format("has {} x {} pixels, not {} x {}", width, height, frame.source_side, frame.source_side);
  return "";
}

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
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0, height = 0, subsampling = 0, colours = 0;
  if (tjDecompressHeader3(decoder.get(), data, bytes.size(), &width, &height, &subsampling, &colours) != 0)
    return {{}, fmt::format("is a broken JPEG: {}", tjGetErrorStr2(decoder.get()))};
  if (std::string wrong = check_size(width, height, frame); !wrong.empty()) return {{}, std::move(wrong)};

  const bool cmyk = colours == TJCS_CMYK || colours == TJCS_YCCK;
  const int format = cmyk ? TJPF_CMYK : frame.gray ? TJPF_GRAY : TJPF_RGB;
  const tjscalingfactor factor = scaling(width, height, frame);
  cv::Mat image(TJSCALED(height, factor), TJSCALED(width, factor), CV_8UC(tjPixelSize[format]));
  if (tjDecompress2(decoder.get(), data, bytes.size(), image.data, image.cols, 0, image.rows, format,
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

Decoded decode_png(std::string_view bytes, const ImageFrame& frame) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> release(&png, &png_image_free);
  if (png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()) == 0) return {{}, fmt::format("is a broken PNG: {}", png.message)};
  if (std::string wrong = check_size(png.width, png.height, frame); !wrong.empty()) return {{}, std::move(wrong)};
  png.format = frame.gray ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  cv::Mat image(static_cast<int>(png.height), static_cast<int>(png.width), frame.gray ? CV_8UC1 : CV_8UC3);
  const png_color black{};
  if (png_image_finish_read(&png, &black, image.data, 0, nullptr) == 0) return {{}, fmt::format("is a broken PNG: {}", png.message)};
  return {image, ""};
}

Decoded decode(std::string_view bytes, const ImageFrame& frame) {
  if (bytes.empty()) return {{}, "is empty"};
  if (bytes.substr(0, 3) == "\xff\xd8\xff") return decode_jpeg(bytes, frame);
  if (bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n") return decode_png(bytes, frame);
  std::string begin;
  for (const char byte : bytes.substr(0, 4)) begin += fmt::format(" {:02x}", static_cast<unsigned char>(byte));
  return {{}, fmt::format("is neither JPEG nor PNG: it begins with{}", begin)};
}

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
  const cv::Mat fitted = fit(decoded.image, frame);
  std::vector<cv::Mat> channels;
  for (int c = 0; c < frame.channels(); ++c)
    channels.emplace_back(frame.side, frame.side, CV_8UC1, planes.data() + static_cast<std::size_t>(c) * frame.side * frame.side);
  cv::split(fitted, channels);
  return "";
}

}  // namespace eval
