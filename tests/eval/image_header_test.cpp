#include "eval/data/image_header.h"

#include <catch2/catch.hpp>

#include "tests/support/image_files.h"

TEST_CASE("the extent of an image file is read without its pixels") {
  const auto extent = [](const std::string& bytes) {
    const auto header = eval::read_image_header(bytes);
    REQUIRE(header);
    return std::tuple(header->width, header->height, header->gray);
  };
  using support::jpeg_bytes, support::png_bytes, support::plain_pixels;
  CHECK(extent(jpeg_bytes(40, 24, plain_pixels(40, 24, {7}))) == std::tuple(40, 24, true));
  CHECK(extent(jpeg_bytes(9, 17, plain_pixels(9, 17, {1, 2, 3}))) == std::tuple(9, 17, false));
  CHECK(extent(png_bytes(5, 6, plain_pixels(5, 6, {1}), PNG_FORMAT_GRAY)) == std::tuple(5, 6, true));
  const std::string colour = png_bytes(31, 2, plain_pixels(31, 2, {1, 2, 3}), PNG_FORMAT_RGB);
  CHECK(extent(colour) == std::tuple(31, 2, false));
  CHECK(extent(support::bmp_bytes(3, 5, plain_pixels(3, 5, {1, 2, 3}))) == std::tuple(3, 5, false));
  CHECK(extent(support::bmp_bytes(3, 5, plain_pixels(3, 5, {7, 7, 7}))) == std::tuple(3, 5, true));
  CHECK(extent(support::tiff_bytes(4, 2, 1, 8, std::vector<std::uint32_t>(8, 1))) == std::tuple(4, 2, true));
  CHECK(extent(support::tiff_bytes(2, 1, 3, 8, std::vector<std::uint32_t>(6, 1))) == std::tuple(2, 1, false));
  for (const std::string& broken : {std::string(), std::string("no image"), colour.substr(0, 20), std::string("\xff\xd8\xff", 3)})
    CHECK_FALSE(eval::read_image_header(broken));
}
