// Writes small image files for tests: JPEG through libjpeg-turbo, PNG through libpng.
#pragma once

#include <png.h>
#include <turbojpeg.h>

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
