// ImageNet's usual layout, train/<wnid>/*.JPEG and val/<wnid>/*.JPEG, in small: ten classes, a grating each, in images of many sizes. A
// fifth of the images is under val/. The numbers of the classes are no synsets of WordNet.
#include <fmt/format.h>

#include "eval/samples/sample_files.h"
#include "eval/samples/texture.h"

namespace eval {
namespace {

namespace fs = std::filesystem;

constexpr int class_count = 10;

std::string class_name(int label) {
  return fmt::format("n9{:07}", label + 1);
}

/// The shorter side is `shorter`, the longer one up to half as much again.
cv::Size draw_size(int shorter, Draws& draws) {
  const int longer = shorter + draws.index(shorter / 2 + 1);
  return draws.chance(0.7) ? cv::Size(longer, shorter) : cv::Size(shorter, longer);
}

void draw_imagenet(const SampleRequest& request, const fs::path& folder) {
  std::string words;
  for (int label = 0; label < class_count; ++label) {
    for (const char* split : {"train", "val"}) make_folder(folder / split / class_name(label));
    words += fmt::format("{}\tgrating {}\n", class_name(label), label);
  }
  write_sample_file(folder / "words.txt", words);
  const std::int64_t validation = request.images / 5;
  draw_each(request, request.images, [&](std::int64_t i) {
    const std::uint64_t seed = mix_seed(request.seed, static_cast<std::uint64_t>(i));
    const int label = static_cast<int>(i % class_count);
    Draws draws(seed);
    const fs::path file = i < validation ? folder / "val" / class_name(label) / fmt::format("ILSVRC2012_val_{:08}.JPEG", i + 1)
                                         : folder / "train" / class_name(label) / fmt::format("{}_{}.JPEG", class_name(label), i + 1);
    write_sample_file(file, encode_jpeg(draw_texture({label}, draw_size(request.size, draws), mix_seed(seed, 1))));
  });
}

}  // namespace

SampleEntry imagenet_sample() {
  return {.name = "imagenet",
          .format = "folder",
          .doc = "ten classes of textures in ImageNet's folders, in images of many sizes",
          .images = 400,
          .least_images = 5 * class_count,
          .size = 96,
          .least_size = 16,
          .most_size = 1024,
          .draw = draw_imagenet};
}

}  // namespace eval
