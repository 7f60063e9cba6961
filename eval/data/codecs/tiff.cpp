// Through libtiff: the first picture of a file.
#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "eval/data/codecs/codec.h"

namespace eval {
namespace {

constexpr tmsize_t max_allocation = tmsize_t{1} << 30;  // bytes that a file may make libtiff take at once

/// A file that is in memory, as libtiff reads one.
struct TiffInput {
  std::string_view bytes;
  toff_t at = 0;
  std::string wrong;  ///< the first that libtiff says of the file

  static tmsize_t read(thandle_t handle, void* into, tmsize_t count) {
    auto& input = *static_cast<TiffInput*>(handle);
    if (input.at >= input.bytes.size() || count < 0) return 0;
    const std::size_t taken = std::min<std::size_t>(count, input.bytes.size() - input.at);
    std::copy_n(input.bytes.data() + input.at, taken, static_cast<char*>(into));
    input.at += taken;
    return static_cast<tmsize_t>(taken);
  }
  static tmsize_t write(thandle_t, void*, tmsize_t) { return 0; }
  static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    auto& input = *static_cast<TiffInput*>(handle);
    const toff_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? input.at : input.bytes.size();
    return input.at = from + offset;
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t handle) { return static_cast<TiffInput*>(handle)->bytes.size(); }

  static int note(TIFF*, void* handle, const char*, const char* format, va_list values) {
    std::array<char, 256> text{};
    std::vsnprintf(text.data(), text.size(), format, values);
    auto& input = *static_cast<TiffInput*>(handle);
    if (input.wrong.empty()) input.wrong = text.data();
    return 1;
  }
  static int ignore(TIFF*, void*, const char*, const char*, va_list) { return 1; }
};

using Tiff = std::unique_ptr<TIFF, void (*)(TIFF*)>;

Tiff open_tiff(TiffInput& input) {
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(), &TIFFOpenOptionsFree);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), max_allocation);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), &TiffInput::note, &input);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), &TiffInput::ignore, nullptr);
  return {TIFFClientOpenExt("", "rm", &input, &TiffInput::read, &TiffInput::write, &TiffInput::seek, &TiffInput::close, &TiffInput::size,
                            nullptr, nullptr, options.get()),
          &TIFFClose};
}

/// Of the first picture; zeros where it says none.
std::array<std::uint32_t, 2> extent_of(TIFF* tiff) {
  std::array<std::uint32_t, 2> extent{};
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &extent[0]);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &extent[1]);
  return extent;
}

Decoded decode_tiff(std::string_view bytes, const ImageFrame& frame) {
  TiffInput input{bytes};
  const auto broken = [&] {
    return Decoded{{},
                   fmt::format("is a broken TIFF, or of a kind that is not read: {}",
                               input.wrong.empty() ? "its pixels cannot be read" : input.wrong)};
  };
  const Tiff tiff = open_tiff(input);
  if (!tiff) return broken();
  const auto [width, height] = extent_of(tiff.get());
  if (std::string wrong = check_size(width, height, frame); !wrong.empty()) return {{}, std::move(wrong)};

  std::array<char, 1024> reason{};  // libtiff's own size for it
  TIFFRGBAImage picture{};
  if (TIFFRGBAImageBegin(&picture, tiff.get(), /*stop_on_error=*/1, reason.data()) == 0) {
    input.wrong = reason.data();
    return broken();
  }
  picture.req_orientation = picture.orientation;                             // as it lies: libtiff would flip, and not turn
  cv::Mat rgba(static_cast<int>(height), static_cast<int>(width), CV_8UC4);  // its words are these bytes, lowest first
  const bool read = TIFFRGBAImageGet(&picture, reinterpret_cast<std::uint32_t*>(rgba.data), width, height) != 0;
  TIFFRGBAImageEnd(&picture);
  if (!read) return broken();
  return {without_alpha(rgba, frame), ""};  // colours are times alpha already
}

ImageHeader read_tiff_header(std::string_view bytes) {
  TiffInput input{bytes};
  const Tiff tiff = open_tiff(input);
  if (!tiff) return {};
  const auto [width, height] = extent_of(tiff.get());
  std::uint16_t samples = 1, colours = PHOTOMETRIC_MINISBLACK;
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, &samples);
  TIFFGetField(tiff.get(), TIFFTAG_PHOTOMETRIC, &colours);
  const bool gray = samples <= 2 && (colours == PHOTOMETRIC_MINISBLACK || colours == PHOTOMETRIC_MINISWHITE);
  constexpr std::uint32_t most = 1U << 30;
  return {static_cast<int>(std::min(width, most)), static_cast<int>(std::min(height, most)), gray};
}

/// A field of the picture, where EXIF has it from.
int tiff_orientation(std::string_view bytes) {
  TiffInput input{bytes};
  const Tiff tiff = open_tiff(input);
  std::uint16_t value = 1;
  if (tiff) TIFFGetField(tiff.get(), TIFFTAG_ORIENTATION, &value);
  return value >= 1 && value <= 8 ? value : 1;
}

bool begins_as_tiff(std::string_view bytes) {
  using namespace std::string_view_literals;
  return bytes.starts_with("II*\0"sv) || bytes.starts_with("MM\0*"sv) || bytes.starts_with("II+\0"sv) || bytes.starts_with("MM\0+"sv);
}

}  // namespace

constinit const Codec tiff_codec{"TIFF", {".tif", ".tiff"}, &begins_as_tiff, &decode_tiff, &read_tiff_header, &tiff_orientation};

}  // namespace eval
