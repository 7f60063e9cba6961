// Writes small image files for tests: JPEG through libjpeg-turbo, PNG through libpng, BMP and TIFF, which need no compression, byte by
// byte.
#pragma once

#include <png.h>
#include <turbojpeg.h>
#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace support {

/// Interleaved bytes of an image whose pixel (x, y) is colour(x, y): one number, or red, green and blue.
inline std::vector<std::uint8_t> draw_pixels(int width, int height, const std::function<std::vector<std::uint8_t>(int x, int y)>& colour) {
  std::vector<std::uint8_t> pixels;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const std::uint8_t value : colour(x, y)) pixels.push_back(value);
  return pixels;
}

/// All of one colour.
inline std::vector<std::uint8_t> plain_pixels(int width, int height, std::vector<std::uint8_t> colour) {
  return draw_pixels(width, height, [colour](int, int) { return colour; });
}

inline std::string jpeg_bytes(int width, int height, const std::vector<std::uint8_t>& pixels) {
  const bool gray = pixels.size() == static_cast<std::size_t>(width) * height;
  const tjhandle encoder = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  tjCompress2(encoder, pixels.data(), width, 0, height, gray ? TJPF_GRAY : TJPF_RGB, &bytes, &size, gray ? TJSAMP_GRAY : TJSAMP_444, 95,
              TJFLAG_ACCURATEDCT);
  std::string file(reinterpret_cast<char*>(bytes), size);
  tjFree(bytes);
  tjDestroy(encoder);
  return file;
}

/// `format`: PNG_FORMAT_GRAY, PNG_FORMAT_RGB or PNG_FORMAT_RGBA.
inline std::string png_bytes(int width, int height, const std::vector<std::uint8_t>& pixels, std::uint32_t format) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = format;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr);
  std::string file(size, '\0');
  png_image_write_to_memory(&image, file.data(), &size, 0, pixels.data(), 0, nullptr);
  return file;
}

/// RGB of 16 bits with one value; with a chunk gAMA where `gamma` is above 0.
inline std::string png16_bytes(int width, int height, std::uint16_t value, double gamma) {
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp to, png_bytep bytes, std::size_t count) {
        static_cast<std::string*>(png_get_io_ptr(to))->append(reinterpret_cast<char*>(bytes), count);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), 16, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (gamma > 0) png_set_gAMA(png, info, gamma);
  png_write_info(png, info);
  std::string row;
  for (int i = 0; i < 3 * width; ++i) row.append({static_cast<char>(value >> 8), static_cast<char>(value & 255)});
  for (int y = 0; y < height; ++y) png_write_row(png, reinterpret_cast<png_const_bytep>(row.data()));
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return file;
}

/// Numbers of so many bytes each, little-endian.
inline std::string little_endian(std::size_t bytes, const std::vector<std::uint32_t>& numbers) {
  std::string text;
  for (const std::uint32_t number : numbers)
    for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(number >> (8 * i) & 255);
  return text;
}

/// 24 bits a pixel; of interleaved RGB. Rows lie from the bottom up, each to a multiple of four bytes.
inline std::string bmp_bytes(int width, int height, const std::vector<std::uint8_t>& pixels) {
  const std::size_t row = (3 * static_cast<std::size_t>(width) + 3) / 4 * 4;
  const auto w = static_cast<std::uint32_t>(width), h = static_cast<std::uint32_t>(height), size = static_cast<std::uint32_t>(row * h);
  std::string file =
      "BM" + little_endian(4, {54 + size, 0, 54, 40, w, h}) + little_endian(2, {1, 24}) + little_endian(4, {0, size, 0, 0, 0, 0});
  for (int y = height - 1; y >= 0; --y) {
    std::string line(row, '\0');
    for (std::size_t i = 0; i < 3U * w; ++i)
      line[i / 3 * 3 + 2 - i % 3] = static_cast<char>(pixels[static_cast<std::size_t>(y) * 3 * w + i]);
    file += line;
  }
  return file;
}

/// One strip without compression, of `channels` (1 grey, 3 RGB, 4 with alpha that colours are not multiplied by) interleaved values a
/// pixel.
inline std::string tiff_bytes(int width, int height, int channels, int bits, const std::vector<std::uint32_t>& values,
                              int orientation = 1) {
  struct Field {
    std::uint32_t tag, type, count, value;  // type 3: 16 bits, 4: 32
  };
  const auto w = static_cast<std::uint32_t>(width), h = static_cast<std::uint32_t>(height), c = static_cast<std::uint32_t>(channels);
  const std::string pixels = little_endian(static_cast<std::size_t>(bits) / 8, values);
  const std::uint32_t depths = 8 + static_cast<std::uint32_t>(pixels.size());  // where the bits of each channel stand, if they are several
  std::vector<Field> fields{{256, 4, 1, w},
                            {257, 4, 1, h},
                            {258, 3, c, c == 1 ? static_cast<std::uint32_t>(bits) : depths},
                            {259, 3, 1, 1},
                            {262, 3, 1, c == 1 ? 1U : 2U},
                            {273, 4, 1, 8},
                            {274, 3, 1, static_cast<std::uint32_t>(orientation)},
                            {277, 3, 1, c},
                            {278, 4, 1, h},
                            {279, 4, 1, static_cast<std::uint32_t>(pixels.size())}};
  if (channels == 4) fields.push_back({338, 3, 1, 2});
  std::string directory = little_endian(2, {static_cast<std::uint32_t>(fields.size())});
  for (const Field& field : fields) directory += little_endian(2, {field.tag, field.type}) + little_endian(4, {field.count, field.value});
  return std::string("II*\0", 4) + little_endian(4, {depths + 8}) + pixels +
         little_endian(2, std::vector<std::uint32_t>(4, static_cast<std::uint32_t>(bits))) + directory + std::string(4, '\0');
}

/// EXIF that holds an orientation and nothing else: a TIFF header, little-endian, and a directory of one entry.
inline std::string exif_of(int orientation) {
  const std::string header("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18);
  return header + std::string{static_cast<char>(orientation), 0, 0, 0} + std::string(4, '\0');
}

inline std::string with_jpeg_orientation(const std::string& jpeg, int orientation) {
  const std::string exif = std::string("Exif\0\0", 6) + exif_of(orientation);
  const std::size_t length = exif.size() + 2;
  return jpeg.substr(0, 2) + "\xff\xe1" + std::string{static_cast<char>(length >> 8), static_cast<char>(length & 255)} + exif +
         jpeg.substr(2);
}

/// The chunk eXIf, behind the header's.
inline std::string with_png_orientation(const std::string& png, int orientation) {
  const std::string chunk = "eXIf" + exif_of(orientation);
  const auto big_endian = [](unsigned long value) {
    return std::string{static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
                       static_cast<char>(value)};
  };
  const unsigned long check = crc32(0, reinterpret_cast<const unsigned char*>(chunk.data()), static_cast<unsigned>(chunk.size()));
  return png.substr(0, 33) + big_endian(chunk.size() - 4) + chunk + big_endian(check) + png.substr(33);
}

/// Makes the folders above it too.
inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A grey JPEG of 16 x 16 pixels, all of this value.
inline void write_gray(const std::filesystem::path& path, std::uint8_t value) {
  write_bytes(path, jpeg_bytes(16, 16, plain_pixels(16, 16, {value})));
}

}  // namespace support
