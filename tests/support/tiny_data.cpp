#include "support/tiny_data.h"

#include <random>

namespace support {

TinyData squares(int classes, int per_class, int channels, std::uint64_t seed) {
  TinyData data({channels, 8, 8}, classes);
  std::mt19937_64 random(seed);
  for (eval::Split split : {eval::Split::train, eval::Split::validation, eval::Split::test}) {
    for (int i = 0; i < classes * per_class; ++i) {
      const int label = i % classes, top = label % 2 * 4, left = label / 2 % 2 * 4;
      std::vector<std::uint8_t> pixels;
      for (int p = 0; p < channels * 64; ++p) {
        const int y = p % 64 / 8, x = p % 8;
        const bool bright = y >= top && y < top + 4 && x >= left && x < left + 4;
        pixels.push_back(static_cast<std::uint8_t>((bright ? 150 : 0) + random() % 100));
      }
      data.add(split, label, std::move(pixels));
    }
  }
  return data;
}

}  // namespace support
