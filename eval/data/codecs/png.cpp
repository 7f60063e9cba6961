// Through libpng.
#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "eval/data/codecs/codec.h"

namespace eval {
namespace {

/// The bytes of a PNG file that are still to be read.
struct PngInput {
  std::string_view left;
  std::string wrong;  ///< what libpng says of the file

  static void read(png_structp png, png_bytep into, std::size_t count) {
    auto* input = static_cast<PngInput*>(png_get_io_ptr(png));
    if (count > input->left.size()) png_error(png, "the file ends early");
    std::copy_n(input->left.data(), count, into);
    input->left.remove_prefix(count);
  }
  static void fail(png_structp png, png_const_charp message) {
    static_cast<PngInput*>(png_get_error_ptr(png))->wrong = message;
    png_longjmp(png, 1);
  }
  static void ignore(png_structp, png_const_charp) {}
};

/// Rows of red, green, blue and alpha, 8 bits each. The values are those of the file: 16 bits are scaled, no gamma and no colour profile is
/// applied, as other programs read training images too. No object with a destructor may live here: libpng leaves by longjmp.
void read_rows(png_structp png, png_infop info, const ImageFrame& frame, Decoded& decoded, std::vector<png_bytep>& rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return;
  png_read_info(png, info);
  const png_uint_32 width = png_get_image_width(png, info), height = png_get_image_height(png, info);
  decoded.broken = check_size(width, height, frame);
  if (!decoded.broken.empty()) return;
  png_set_scale_16(png);
  png_set_expand(png);  // palettes, fewer than 8 bits, a transparent colour
  png_set_gray_to_rgb(png);
  png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  decoded.image.create(static_cast<int>(height), static_cast<int>(width), CV_8UC4);
  rows.resize(height);
  for (png_uint_32 y = 0; y < height; ++y) rows[y] = decoded.image.ptr(static_cast<int>(y));
  png_read_image(png, rows.data());
  png_read_end(png, nullptr);
}

Decoded decode_png(std::string_view bytes, const ImageFrame& frame) {
  PngInput input{bytes, ""};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, &PngInput::fail, &PngInput::ignore);
  png_infop info = png_create_info_struct(png);
  png_set_read_fn(png, &input, &PngInput::read);
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_size has the limit
  Decoded decoded;
  std::vector<png_bytep> rows;
  read_rows(png, info, frame, decoded, rows);
  png_destroy_read_struct(&png, &info, nullptr);
  if (!decoded.broken.empty()) return decoded;
  if (!input.wrong.empty()) return {{}, fmt::format("is a broken PNG: {}", input.wrong)};
  decoded.image = on_black(decoded.image, frame);
  return decoded;
}

/// What the chunk eXIf says.
int png_orientation(std::string_view bytes) {
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at + i])); };
    const std::size_t length = byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
    if (length > bytes.size() - at - 12) return 1;
    if (bytes.substr(at + 4, 4) == "eXIf") return exif_orientation(bytes.substr(at + 8, length));
    at += length + 12;
  }
  return 1;
}

ImageHeader read_png_header(std::string_view bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const bool read = png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) != 0;
  const ImageHeader header{static_cast<int>(image.width), static_cast<int>(image.height), (image.format & PNG_FORMAT_FLAG_COLOR) == 0};
  png_image_free(&image);
  return read ? header : ImageHeader{};
}

}  // namespace

constinit const Codec png_codec{
    "PNG",       {".png"},         [](std::string_view bytes) { return bytes.starts_with("\x89PNG\r\n\x1a\n"); },
    &decode_png, &read_png_header, &png_orientation};

}  // namespace eval
