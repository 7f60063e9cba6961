// The formats of image files: one file each, one row each in codec.cpp. Used by image_decode, which turns and resizes, and image_header.
#pragma once

#include <array>
#include <cstdint>
#include <opencv2/core.hpp>
#include <span>
#include <string>
#include <string_view>

#include "eval/data/image_decode.h"
#include "eval/data/image_header.h"

namespace eval {

/// An image as decoded: 8-bit grey or interleaved RGB, or why there is none.
struct Decoded {
  cv::Mat image;
  std::string broken;
};

/// A format of image files. All functions take the bytes of a whole file, and are safe for hostile ones.
struct Codec {
  std::string_view name;                       ///< as messages say it
  std::array<std::string_view, 4> extensions;  ///< of its files, lower case, with the dot; fewer: the others are empty
  bool (*begins)(std::string_view);            ///< the bytes are of this format, by what they begin with
  /// Values are those of the file, 16 bits brought to 8, without gamma or colour profiles; what is transparent is shown on black. Of the
  /// frame only the grey, the size that a file must have, and what a decoder can make smaller by itself.
  Decoded (*decode)(std::string_view, const ImageFrame&);
  ImageHeader (*header)(std::string_view);  ///< of no extent where it cannot be read
  int (*orientation)(std::string_view);     ///< how the picture is to be turned: EXIF's 1 to 8; 1, upright, where the file says nothing
};

std::span<const Codec> codecs();

/// By what the bytes begin with; nullptr: of none.
const Codec* find_codec(std::string_view bytes);

/// "" or what is wrong with the size that a header declares.
std::string check_size(std::int64_t width, std::int64_t height, const ImageFrame& frame);

/// Red, green, blue and alpha as RGB, colours times alpha, or as BT.601's grey where the frame is grey.
cv::Mat on_black(const cv::Mat& rgba, const ImageFrame& frame);

/// The same, where alpha says nothing.
cv::Mat without_alpha(const cv::Mat& rgba, const ImageFrame& frame);

/// As the decoders take them.
const unsigned char* data_of(std::string_view bytes);

/// What a block of EXIF says, with or without its mark "Exif\0\0"; a JPEG file counts as one.
int exif_orientation(std::string_view exif);

extern const Codec jpeg_codec, png_codec, bmp_codec, tiff_codec, webp_codec;

}  // namespace eval
