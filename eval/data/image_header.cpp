#include "eval/data/image_header.h"

#include <png.h>
#include <turbojpeg.h>

#include <memory>

namespace eval {
namespace {

std::optional<ImageHeader> read_png(std::string_view bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const bool read = png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) != 0;
  const ImageHeader header{static_cast<int>(image.width), static_cast<int>(image.height), (image.format & PNG_FORMAT_FLAG_COLOR) == 0};
  png_image_free(&image);
  return read ? std::optional(header) : std::nullopt;
}

std::optional<ImageHeader> read_jpeg(std::string_view bytes) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), &tjDestroy);
  ImageHeader header;
  int subsampling = 0, colours = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  if (!decoder || tjDecompressHeader3(decoder.get(), data, bytes.size(), &header.width, &header.height, &subsampling, &colours) != 0)
    return std::nullopt;
  header.gray = colours == TJCS_GRAY;
  return header.width > 0 && header.height > 0 ? std::optional(header) : std::nullopt;  // cut off before its extent
}

}  // namespace

std::optional<ImageHeader> read_image_header(std::string_view bytes) {
  return bytes.starts_with("\x89PNG") ? read_png(bytes) : read_jpeg(bytes);
}

}  // namespace eval
