// One image file to pixels of a wanted size: decoded by a library for its format (codecs/), turned as libexif reads, resized by OpenCV.
// Used by the image cache.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace eval {

/// How image files become images of one size.
struct ImageFrame {
  int side = 224;        ///< pixels of the square that is kept
  bool gray = false;     ///< one channel, else red, green and blue
  bool stretch = false;  ///< both sides are brought to `side`; else the shorter one is, and the middle of the longer one is kept
  int source_side = 0;   ///< pixels a side that a file must have; 0: any
  bool turn = true;      ///< as the EXIF orientation says

  int channels() const { return gray ? 1 : 3; }
  std::size_t bytes() const { return static_cast<std::size_t>(channels()) * side * side; }
};

/// The formats that are read, as messages list them.
std::string image_formats();

/// Of a file's name, lower case, with the dot.
bool ends_as_image(std::string_view extension);

/// Decodes the bytes of an image file, whose format its first bytes tell, into planes (channel, row, column) of frame.bytes() bytes. Values
/// are those of the file, 16 bits scaled to 8, without gamma or colour profiles; grey is BT.601's; what is transparent is shown on black.
/// Returns "" or why the file is broken; the planes are then undefined. Safe for hostile bytes.
std::string decode_image(std::string_view bytes, const ImageFrame& frame, std::span<std::uint8_t> planes);

}  // namespace eval
