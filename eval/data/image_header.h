// The extent of an image file without its pixels: asked by `nas-run init`, which chooses the size that nets take.
#pragma once

#include <optional>
#include <string_view>

namespace eval {

struct ImageHeader {
  int width = 0, height = 0;  ///< pixels, as stored
  bool gray = false;          ///< one channel
};

/// Of the bytes of a file of any format that image_decode reads; nothing where there is no extent to be found. Safe for hostile bytes.
std::optional<ImageHeader> read_image_header(std::string_view bytes);

}  // namespace eval
