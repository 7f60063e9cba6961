// Windows' bitmaps, through stb_image, of which nothing else is compiled.
#include <fmt/format.h>

#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

#include "eval/data/codecs/codec.h"

namespace eval {
namespace {

/// Files of more than 2 GiB are of no size that is decoded.
int size_of(std::string_view bytes) {
  return bytes.size() <= std::numeric_limits<int>::max() ? static_cast<int>(bytes.size()) : 0;
}

Decoded decode_bmp(std::string_view bytes, const ImageFrame& frame) {
  const auto broken = [] { return Decoded{{}, fmt::format("is a broken BMP, or of a kind that is not read: {}", stbi_failure_reason())}; };
  int width = 0, height = 0, channels = 0;
  if (stbi_info_from_memory(data_of(bytes), size_of(bytes), &width, &height, &channels) == 0) return broken();
  if (std::string wrong = check_size(width, height, frame); !wrong.empty()) return {{}, std::move(wrong)};
  const std::unique_ptr<unsigned char, void (*)(void*)> pixels(
      stbi_load_from_memory(data_of(bytes), size_of(bytes), &width, &height, &channels, STBI_rgb_alpha), &stbi_image_free);
  if (!pixels) return broken();
  // What a fourth byte is for no two programs agree: most pass it over.
  return {without_alpha(cv::Mat(height, width, CV_8UC4, pixels.get()), frame), ""};
}

/// A palette may hold greys alone: only the pixels tell.
ImageHeader read_bmp_header(std::string_view bytes) {
  const cv::Mat image = decode_bmp(bytes, {}).image;
  ImageHeader header{image.cols, image.rows, true};
  for (const auto& pixel : cv::Mat_<cv::Vec3b>(image)) header.gray = header.gray && pixel[0] == pixel[1] && pixel[1] == pixel[2];
  return header;
}

}  // namespace

constinit const Codec bmp_codec{"BMP",       {".bmp", ".dib"}, [](std::string_view bytes) { return bytes.starts_with("BM"); },
                                &decode_bmp, &read_bmp_header, [](std::string_view) { return 1; }};

}  // namespace eval
