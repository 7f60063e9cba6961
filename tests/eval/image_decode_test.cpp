#include "eval/data/image_decode.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "eval/data/codecs/codec.h"
#include "tests/support/image_files.h"

using namespace eval;
using Catch::Contains;
using support::bmp_bytes;
using support::jpeg_bytes;
using support::plain_pixels;
using support::png_bytes;
using support::tiff_bytes;

namespace {

/// WebP without loss, 16 x 16, as Pillow 9.4 writes it: the upper left quarter white, the rest black.
constexpr std::string_view webp_quarter =
    "5249464628000000574542505650384c1b0000002f0fc003000f30fff33ffff31f78100b26f94b774e21a2ff1370e200";
/// The same with EXIF's orientation 6.
constexpr std::string_view webp_turned =
    "524946465c00000057454250565038580a000000080000000f00000f00005650384c1b0000002f0fc003000f30fff33ffff31f78100b26f94b774e21a2ff1370e200"
    "455849461a0000004d4d002a00000008000101120003000000010006000000000000";
/// All (200, 100, 50), alpha 128.
constexpr std::string_view webp_transparent = "524946461e000000574542505650384c110000002f0fc003100750b22257a6808188e87f0000";
/// Two frames.
constexpr std::string_view webp_moving =
    "524946469a00000057454250565038580a000000020000000f00000f0000414e494d06000000000000000000414e4d46340000000000000000000f00000f00000000"
    "00025650384c1c0000002f0fc003000f30fff33ffff31f78100b26f397ee4c21a2ff91030000414e4d46320000000000000000000f00000700000000000056503"
    "84c1a0000002f0fc001000f30fff33ffff31f78100b26f94bef4c21a2ff9101";

std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return bytes;
}

/// Decodes what must be sound.
std::vector<std::uint8_t> decoded(const std::string& bytes, const ImageFrame& frame) {
  std::vector<std::uint8_t> planes(frame.bytes());
  REQUIRE(decode_image(bytes, frame, planes) == "");
  return planes;
}

std::string broken(const std::string& bytes, const ImageFrame& frame = {.side = 16}) {
  std::vector<std::uint8_t> planes(frame.bytes());
  return decode_image(bytes, frame, planes);
}

/// A pixel of a plane.
int at(const std::vector<std::uint8_t>& planes, const ImageFrame& frame, int channel, int y, int x) {
  return planes[(static_cast<std::size_t>(channel) * frame.side + y) * frame.side + x];
}

}  // namespace

TEST_CASE("a JPEG becomes planes of red, green and blue, or of grey as BT.601 weighs them") {
  const std::string bytes = jpeg_bytes(16, 16, plain_pixels(16, 16, {200, 100, 50}));
  const ImageFrame colour{.side = 16}, gray{.side = 16, .gray = true};
  const std::vector<std::uint8_t> planes = decoded(bytes, colour);
  CHECK(at(planes, colour, 0, 3, 5) == Approx(200).margin(2));
  CHECK(at(planes, colour, 1, 3, 5) == Approx(100).margin(2));
  CHECK(at(planes, colour, 2, 3, 5) == Approx(50).margin(2));
  CHECK(decoded(bytes, gray)[0] == Approx(0.299 * 200 + 0.587 * 100 + 0.114 * 50).margin(2));
}

TEST_CASE("a PNG keeps its bytes, and what is transparent is shown on black") {
  const auto ramp = [](int x, int y) { return std::vector<std::uint8_t>{static_cast<std::uint8_t>(16 * y + x)}; };
  const ImageFrame gray{.side = 16, .gray = true};
  const std::vector<std::uint8_t> pixels = support::draw_pixels(16, 16, ramp);
  CHECK(decoded(png_bytes(16, 16, pixels, PNG_FORMAT_GRAY), gray) == pixels);
  const ImageFrame colour{.side = 16};
  CHECK(at(decoded(png_bytes(16, 16, plain_pixels(16, 16, {250, 0, 0, 0}), PNG_FORMAT_RGBA), colour), colour, 0, 0, 0) == 0);
}

TEST_CASE("a PNG's values are those of the file, whatever its depth, its gamma and its colours say") {
  const ImageFrame colour{.side = 16}, gray{.side = 16, .gray = true};
  for (const int value : {0, 40, 90, 255}) {
    const std::string deep = support::png16_bytes(16, 16, static_cast<std::uint16_t>(257 * value), 0);
    CHECK(decoded(deep, colour)[0] == value);
    CHECK(decoded(deep, gray)[0] == value);
    CHECK(decoded(support::png16_bytes(16, 16, static_cast<std::uint16_t>(257 * value), 1.0), colour)[0] == value);  // with a chunk gAMA
  }
  // Pure red is 0.299 * 255 of grey, as in a JPEG.
  CHECK(decoded(png_bytes(16, 16, plain_pixels(16, 16, {255, 0, 0}), PNG_FORMAT_RGB), gray)[0] == 76);
  // Half transparent: half of the value.
  CHECK(at(decoded(png_bytes(16, 16, plain_pixels(16, 16, {200, 100, 50, 128}), PNG_FORMAT_RGBA), colour), colour, 0, 0, 0) == 100);
}

TEST_CASE("pictures are turned as EXIF says, in JPEG and PNG, unless that is to be ignored") {
  // The upper left quarter is white as the file lies. Where it is shown, by EXIF's table: 1 rows from the top and columns from the left,
  // ...
  const std::vector<std::uint8_t> pixels = support::draw_pixels(
      16, 16, [](int x, int y) { return std::vector<std::uint8_t>{static_cast<std::uint8_t>(x < 8 && y < 8 ? 255 : 0)}; });
  struct Shown {
    int orientation, x, y;
  };
  for (const Shown& shown : {Shown{1, 0, 0}, {2, 1, 0}, {3, 1, 1}, {4, 0, 1}, {5, 0, 0}, {6, 1, 0}, {7, 1, 1}, {8, 0, 1}}) {
    INFO("orientation " << shown.orientation);
    for (const std::string& file : {support::with_jpeg_orientation(jpeg_bytes(16, 16, pixels), shown.orientation),
                                    support::with_png_orientation(png_bytes(16, 16, pixels, PNG_FORMAT_GRAY), shown.orientation)}) {
      const ImageFrame turned{.side = 16, .gray = true}, as_it_lies{.side = 16, .gray = true, .turn = false};
      CHECK(at(decoded(file, turned), turned, 0, 4 + 8 * shown.y, 4 + 8 * shown.x) > 250);
      CHECK(at(decoded(file, turned), turned, 0, 12 - 8 * shown.y, 12 - 8 * shown.x) < 5);
      CHECK(at(decoded(file, as_it_lies), as_it_lies, 0, 4, 4) > 250);
    }
  }
  // A quarter turn is no mirror image: of a white left half 6 makes an upper one, and of a white upper half a right one.
  const std::vector<std::uint8_t> top =
      support::draw_pixels(16, 16, [](int, int y) { return std::vector<std::uint8_t>{static_cast<std::uint8_t>(y < 8 ? 255 : 0)}; });
  const ImageFrame frame{.side = 16, .gray = true};
  const std::vector<std::uint8_t> right = decoded(support::with_jpeg_orientation(jpeg_bytes(16, 16, top), 6), frame);
  CHECK((at(right, frame, 0, 8, 12) > 250 && at(right, frame, 0, 8, 3) < 5));
}

TEST_CASE("each of EXIF's eight orientations puts every quarter of a picture in its place") {
  // Quarters a b / c d as the file lies, and as they are to be shown (Exif 2.3, table 6 of tag 274).
  const std::vector<std::uint8_t> pixels = support::draw_pixels(16, 16, [](int x, int y) {
    return std::vector<std::uint8_t>{static_cast<std::uint8_t>(y < 8 ? (x < 8 ? 0 : 80) : (x < 8 ? 160 : 255))};
  });
  const std::map<char, int> value{{'a', 0}, {'b', 80}, {'c', 160}, {'d', 255}};
  const std::vector<std::string> shown{"abcd", "badc", "dcba", "cdab", "acbd", "cadb", "dbca", "bdac"};
  const ImageFrame frame{.side = 16, .gray = true};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    INFO("orientation " << orientation);
    const std::vector<std::uint8_t> turned =
        decoded(support::with_png_orientation(png_bytes(16, 16, pixels, PNG_FORMAT_GRAY), orientation), frame);
    for (int quarter = 0; quarter < 4; ++quarter)
      CHECK(at(turned, frame, 0, quarter < 2 ? 4 : 12, quarter % 2 == 0 ? 4 : 12) ==
            value.at(shown[static_cast<std::size_t>(orientation - 1)][static_cast<std::size_t>(quarter)]));
  }
}

TEST_CASE("BMP, TIFF and WebP keep their pixels, as PNG does") {
  const ImageFrame colour{.side = 16}, gray{.side = 16, .gray = true};
  const std::vector<std::uint8_t> pixels = support::draw_pixels(16, 16, [](int x, int y) {
    return std::vector<std::uint8_t>{static_cast<std::uint8_t>(16 * y + x), static_cast<std::uint8_t>(15 * x),
                                     static_cast<std::uint8_t>(9 * y)};
  });
  const std::vector<std::uint32_t> values(pixels.begin(), pixels.end());
  std::vector<std::uint32_t> deep;
  for (const std::uint32_t value : values) deep.push_back(257 * value);
  const std::string png = png_bytes(16, 16, pixels, PNG_FORMAT_RGB);
  for (const ImageFrame& frame : {colour, gray}) {
    const std::vector<std::uint8_t> expected = decoded(png, frame);
    CHECK(decoded(bmp_bytes(16, 16, pixels), frame) == expected);
    CHECK(decoded(tiff_bytes(16, 16, 3, 8, values), frame) == expected);
    CHECK(decoded(tiff_bytes(16, 16, 3, 16, deep), frame) == expected);
  }
  const std::vector<std::uint32_t> greys{0, 40, 90, 255};
  const std::vector<std::uint32_t> deep_greys{0, 40 * 257, 90 * 257, 65535};
  const ImageFrame small{.side = 2, .gray = true};
  CHECK(decoded(tiff_bytes(2, 2, 1, 8, greys), small) == std::vector<std::uint8_t>{0, 40, 90, 255});
  CHECK(decoded(tiff_bytes(2, 2, 1, 16, deep_greys), small) == std::vector<std::uint8_t>{0, 40, 90, 255});

  const std::vector<std::uint8_t> quarter = decoded(from_hex(webp_quarter), gray);
  CHECK((at(quarter, gray, 0, 7, 7) == 255 && at(quarter, gray, 0, 7, 8) == 0 && at(quarter, gray, 0, 8, 7) == 0));
  for (const std::string& transparent : {from_hex(webp_transparent), tiff_bytes(1, 1, 4, 8, {200, 100, 50, 128})}) {
    const std::vector<std::uint8_t> shown = decoded(transparent, colour);
    for (int c = 0; c < 3; ++c)
      CHECK(at(shown, colour, c, 0, 0) == Approx(std::vector{100, 50, 25}[static_cast<std::size_t>(c)]).margin(1));
  }
}

TEST_CASE("pictures in TIFF and WebP are turned as they say, unless that is to be ignored") {
  const ImageFrame turned{.side = 16, .gray = true}, as_it_lies{.side = 16, .gray = true, .turn = false};
  const std::vector<std::uint8_t> pixels = support::draw_pixels(
      16, 16, [](int x, int y) { return std::vector<std::uint8_t>{static_cast<std::uint8_t>(x < 8 && y < 8 ? 255 : 0)}; });
  for (int orientation = 1; orientation <= 8; ++orientation) {
    INFO("orientation " << orientation);
    const std::string tiff = tiff_bytes(16, 16, 1, 8, {pixels.begin(), pixels.end()}, orientation);
    const std::string jpeg = support::with_jpeg_orientation(jpeg_bytes(16, 16, pixels), orientation);
    for (const ImageFrame& frame : {turned, as_it_lies})
      for (const int y : {4, 12})
        for (const int x : {4, 12})
          CHECK(at(decoded(tiff, frame), frame, 0, y, x) == Approx(at(decoded(jpeg, frame), frame, 0, y, x)).margin(5));
  }
  CHECK(at(decoded(from_hex(webp_turned), turned), turned, 0, 4, 12) == 255);
  CHECK(at(decoded(from_hex(webp_turned), turned), turned, 0, 4, 4) == 0);
  CHECK(at(decoded(from_hex(webp_turned), as_it_lies), as_it_lies, 0, 4, 4) == 255);
}

TEST_CASE("the middle of a longer side is kept, or all of it is squeezed") {
  // 32 x 16: black, white, white, black in quarters.
  const auto quarters = [](int x, int) { return std::vector<std::uint8_t>{static_cast<std::uint8_t>(x >= 8 && x < 24 ? 255 : 0)}; };
  const std::string bytes = png_bytes(32, 16, support::draw_pixels(32, 16, quarters), PNG_FORMAT_GRAY);
  const ImageFrame crop{.side = 16, .gray = true}, stretch{.side = 16, .gray = true, .stretch = true};
  CHECK(decoded(bytes, crop) == plain_pixels(16, 16, {255}));
  const std::vector<std::uint8_t> squeezed = decoded(bytes, stretch);
  CHECK(at(squeezed, stretch, 0, 8, 3) == 0);
  CHECK(at(squeezed, stretch, 0, 8, 4) == 255);
  CHECK(at(squeezed, stretch, 0, 8, 11) == 255);
  CHECK(at(squeezed, stretch, 0, 8, 12) == 0);
}

TEST_CASE("a larger image is averaged, a smaller one interpolated") {
  // Rows of 0 and 100 in turns: pairs have the mean 50.
  const auto stripes = [](int, int y) { return std::vector<std::uint8_t>{static_cast<std::uint8_t>(y % 2 * 100)}; };
  CHECK(decoded(png_bytes(32, 32, support::draw_pixels(32, 32, stripes), PNG_FORMAT_GRAY), {.side = 16, .gray = true}) ==
        plain_pixels(16, 16, {50}));
  CHECK(decoded(png_bytes(8, 8, plain_pixels(8, 8, {70}), PNG_FORMAT_GRAY), {.side = 16, .gray = true}) == plain_pixels(16, 16, {70}));
  CHECK(decoded(jpeg_bytes(200, 200, plain_pixels(200, 200, {70})), {.side = 16, .gray = true}) == plain_pixels(16, 16, {70}));
}

TEST_CASE("a broken file is told from a sound one, with the reason") {
  const std::string jpeg = jpeg_bytes(64, 64, support::draw_pixels(64, 64, [](int x, int y) {
                                        return std::vector<std::uint8_t>{static_cast<std::uint8_t>(x * 37 + y * 91)};
                                      }));
  const std::string png = png_bytes(64, 64, plain_pixels(64, 64, {9}), PNG_FORMAT_GRAY);
  CHECK(broken("") == "is empty");
  CHECK(broken("GIF89a") == "is no JPEG, PNG, BMP, TIFF or WebP: it begins with 47 49 46 38");
  CHECK_THAT(broken(jpeg.substr(0, jpeg.size() / 2)), Contains("is a broken JPEG: ") && Contains("Premature end"));
  CHECK(broken(jpeg.substr(0, 20)) == "declares 0 x 0 pixels; valid are 1 to 134217728 in all");
  CHECK(broken(jpeg).empty());  // what was broken before leaves nothing behind
  CHECK_THAT(broken(png.substr(0, png.size() / 2)), Contains("is a broken PNG: "));
  const std::string bmp = bmp_bytes(16, 16, plain_pixels(16, 16, {1, 2, 3}));
  CHECK_THAT(broken(bmp.substr(0, 20)), Contains("is a broken BMP, or of a kind that is not read: "));
  const std::string tiff = tiff_bytes(16, 16, 1, 8, std::vector<std::uint32_t>(256, 7));
  CHECK_THAT(broken(tiff.substr(0, 100)), Contains("is a broken TIFF, or of a kind that is not read: "));
  CHECK_THAT(broken(tiff_bytes(2, 2, 1, 32, {1, 2, 3, 4})),
             Contains("is a broken TIFF, or of a kind that is not read: ") && Contains("32-bit"));
  CHECK(broken(from_hex(webp_quarter).substr(0, 40)) == "is a broken WebP: its pixels cannot be read");
  CHECK(broken(from_hex(webp_moving)) == "is a moving picture; valid: a still one");
  CHECK(broken(jpeg, {.side = 16, .source_side = 816}) == "has 64 x 64 pixels, not 816 x 816");
  CHECK(broken(jpeg, {.side = 16, .source_side = 64}).empty());
}

TEST_CASE("an image that is a line is refused: its middle would be scaled with all of it") {
  CHECK(broken(png_bytes(1, 101, plain_pixels(1, 101, {9}), PNG_FORMAT_GRAY)) ==
        "has 1 x 101 pixels: one side is more than 100 times the other");
  CHECK(broken(png_bytes(1, 100, plain_pixels(1, 100, {9}), PNG_FORMAT_GRAY)).empty());
}

TEST_CASE("a header that promises more than a machine has is refused before memory is taken") {
  std::string png = png_bytes(16, 16, plain_pixels(16, 16, {9}), PNG_FORMAT_GRAY);
  std::string jpeg = jpeg_bytes(16, 16, plain_pixels(16, 16, {9}));
  const std::size_t frame = jpeg.find("\xff\xc0");  // start of frame: marker, length, precision, height, width
  jpeg.replace(frame + 5, 4, std::string("\xff\x00\xff\x00", 4));
  CHECK(broken(jpeg) == "declares 65280 x 65280 pixels; valid are 1 to 134217728 in all");
  png.replace(16, 8, std::string("\x00\x0f\x42\x40\x00\x0f\x42\x40", 8));  // its checksum is wrong now as well
  CHECK_FALSE(broken(png).empty());
  std::string bmp = bmp_bytes(16, 16, plain_pixels(16, 16, {9, 9, 9}));
  bmp.replace(18, 8, support::little_endian(4, {60000, 60000}));
  CHECK(broken(bmp) == "declares 60000 x 60000 pixels; valid are 1 to 134217728 in all");
  std::string tiff = tiff_bytes(16, 16, 1, 8, std::vector<std::uint32_t>(256, 7));
  const std::size_t directory = 8 + 256 + 8;  // behind the header, the pixels and the depths; each field's value is its last 4 bytes
  for (const std::size_t field : {0, 1}) tiff.replace(directory + 2 + 12 * field + 8, 4, support::little_endian(4, {60000}));
  CHECK(broken(tiff) == "declares 60000 x 60000 pixels; valid are 1 to 134217728 in all");
  CHECK(check_size(4294967295, 4294967295, {}) == "declares 4294967295 x 4294967295 pixels; valid are 1 to 134217728 in all");
}

TEST_CASE("no byte of an image file, changed or missing, brings the decoder down") {
  const std::vector<std::uint8_t> pixels = plain_pixels(8, 8, {200, 100, 50});
  for (const std::string& sound : {jpeg_bytes(8, 8, pixels), png_bytes(8, 8, pixels, PNG_FORMAT_RGB), bmp_bytes(8, 8, pixels),
                                   tiff_bytes(8, 8, 3, 8, {pixels.begin(), pixels.end()}), from_hex(webp_turned)}) {
    for (std::size_t i = 0; i < sound.size(); ++i) {
      broken(sound.substr(0, i));
      for (const char value : {'\0', '\x7f', '\xff'}) {
        std::string changed = sound;
        changed[i] = value;
        broken(changed);
      }
    }
    CHECK(broken(sound).empty());
  }
}
