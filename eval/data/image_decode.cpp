#include "eval/data/image_decode.h"

#include <fmt/format.h>
#include <libexif/exif-data.h>
#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cmath>
#include <csetjmp>
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

/// What is transparent shows black: colours times alpha.
cv::Mat on_black(const cv::Mat& rgba) {
  cv::Mat rgb(rgba.rows, rgba.cols, CV_8UC3);
  for (int y = 0; y < rgba.rows; ++y) {
    for (int x = 0; x < rgba.cols; ++x) {
      const auto& from = rgba.at<cv::Vec4b>(y, x);
      for (int c = 0; c < 3; ++c) rgb.at<cv::Vec3b>(y, x)[c] = static_cast<std::uint8_t>((from[c] * from[3] + 127) / 255);
    }
  }
  return rgb;
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
  decoded.image = on_black(decoded.image);
  if (frame.gray) cv::cvtColor(decoded.image, decoded.image, cv::COLOR_RGB2GRAY);  // BT.601, as a JPEG's grey
  return decoded;
}

/// How a file says that its picture is to be turned (EXIF's orientation, 1 to 8); 1, upright, where it says nothing.
int orientation(std::string_view bytes) {
  const std::unique_ptr<ExifData, void (*)(ExifData*)> exif(
      exif_data_new_from_data(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<unsigned>(bytes.size())), &exif_data_unref);
  const ExifEntry* entry = exif ? exif_data_get_entry(exif.get(), EXIF_TAG_ORIENTATION) : nullptr;
  if (entry == nullptr || entry->format != EXIF_FORMAT_SHORT || entry->size < 2) return 1;
  const int value = exif_get_short(entry->data, exif_data_get_byte_order(exif.get()));
  return value >= 1 && value <= 8 ? value : 1;
}

/// The chunk eXIf of a PNG as libexif reads it; empty: there is none.
std::string png_exif(std::string_view bytes) {
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at + i])); };
    const std::size_t length = byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
    if (length > bytes.size() - at - 12) return "";
    if (bytes.substr(at + 4, 4) == "eXIf") return std::string("Exif\0\0", 6).append(bytes.substr(at + 8, length));
    at += length + 12;
  }
  return "";
}

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
  const bool is_jpeg = bytes.substr(0, 3) == "\xff\xd8\xff";
  if (is_jpeg || bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n") {
    Decoded decoded = is_jpeg ? decode_jpeg(bytes, frame) : decode_png(bytes, frame);
    if (decoded.broken.empty() && frame.turn) decoded.image = upright(decoded.image, orientation(is_jpeg ? bytes : png_exif(bytes)));
    return decoded;
  }
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
