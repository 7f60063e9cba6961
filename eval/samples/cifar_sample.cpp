// CIFAR-100's binary files: one grating tells the coarse class, another which of its five fine classes it is. A fifth of the images is for
// test; every class has the same share of both, but for what does not divide.
#include <fmt/format.h>

#include "eval/samples/sample_files.h"
#include "eval/samples/texture.h"

namespace eval {
namespace {

namespace fs = std::filesystem;

constexpr int side = 32;
constexpr std::size_t record_bytes = 2 + 3 * side * side;
constexpr int coarse_classes = 20, fine_classes = 100;

/// The record's pixels: planes of red, green and blue.
void put_pixels(const cv::Mat& image, char* pixels) {
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) *pixels++ = static_cast<char>(image.at<cv::Vec3b>(y, x)[c]);
}

void draw_cifar(const SampleRequest& request, const fs::path& folder) {
  std::string fine, coarse;  // "a_texture00" to "e_texture19", in the order of the labels
  for (int label = 0; label < fine_classes; ++label)
    fine += fmt::format("{}_texture{:02}\n", static_cast<char>('a' + label / coarse_classes), label % coarse_classes);
  for (int label = 0; label < coarse_classes; ++label) coarse += fmt::format("texture{:02}\n", label);
  write_sample_file(folder / "fine_label_names.txt", fine);
  write_sample_file(folder / "coarse_label_names.txt", coarse);

  const std::int64_t test = request.images / 5;
  const auto draw = [&](const char* file, std::int64_t count, std::uint64_t purpose) {
    std::string records(static_cast<std::size_t>(count) * record_bytes, '\0');
    draw_each(request, count, [&](std::int64_t i) {
      const std::uint64_t seed = mix_seed(mix_seed(request.seed, purpose), static_cast<std::uint64_t>(i));
      const int label = static_cast<int>(i % fine_classes), kind = label % coarse_classes;
      char* record = records.data() + static_cast<std::size_t>(i) * record_bytes;
      record[0] = static_cast<char>(kind);
      record[1] = static_cast<char>(label);
      put_pixels(draw_texture({kind, coarse_classes + label / coarse_classes}, {side, side}, seed), record + 2);
    });
    write_sample_file(folder / file, records);
  };
  draw("train.bin", request.images - test, 0);
  draw("test.bin", test, 1);
}

}  // namespace

SampleEntry cifar100_sample() {
  return {.name = "cifar100",
          .format = "cifar100",
          .doc = "textures as CIFAR-100's 20 coarse and 100 fine classes",
          .images = 2500,
          .least_images = 5 * fine_classes,
          .size = side,
          .least_size = side,
          .most_size = side,
          .draw = draw_cifar};
}

}  // namespace eval
