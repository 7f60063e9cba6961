// CIFAR-100's binary files: the coarse class is a form and a pattern, the fine class its colour too. A fifth of the images is for test;
// every class has the same share of both, but for what does not divide.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "eval/samples/sample_files.h"
#include "eval/samples/shapes.h"

namespace eval {
namespace {

namespace fs = std::filesystem;

constexpr int side = 32;
constexpr std::size_t record_bytes = 2 + 3 * side * side;
constexpr int fine_classes = 100;

struct Named {
  const char* name;
  Colour colour;
};
const std::array<Named, 5> colours{
    {{"red", {205, 45, 45}}, {"green", {50, 155, 60}}, {"blue", {45, 75, 205}}, {"yellow", {225, 205, 50}}, {"purple", {140, 55, 165}}}};
constexpr std::array patterns{Pattern::plain, Pattern::striped};

/// A fine class: what is drawn, and the name of its coarse class.
struct Class {
  Thing thing;
  std::string coarse;
};

/// By name, so in the order of the labels.
std::map<std::string, Class> all_classes() {
  std::map<std::string, Class> classes;
  for (const Form form : all_forms)
    for (const Pattern pattern : patterns)
      for (const Named& colour : colours) {
        const std::string coarse = fmt::format("{}_{}", to_string(pattern), to_string(form));
        classes[fmt::format("{}_{}", colour.name, coarse)] = {{form, pattern, colour.colour}, coarse};
      }
  return classes;
}

/// A colour that still has its name.
Colour varied(const Colour& colour, Draws& draws) {
  Colour result;
  for (int c = 0; c < 3; ++c) result[c] = std::clamp(colour[c] + 14 * draws.normal(), 0.0, 255.0);
  return result;
}

/// The record's pixels: planes of red, green and blue.
void put_pixels(const cv::Mat& image, char* pixels) {
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) *pixels++ = static_cast<char>(image.at<cv::Vec3b>(y, x)[c]);
}

std::string joined_lines(const std::vector<std::string>& names) {
  return fmt::format("{}\n", fmt::join(names, "\n"));
}

void draw_cifar(const SampleRequest& request, const fs::path& folder) {
  std::vector<std::string> fine, coarse;
  std::vector<Class> classes;
  for (const auto& [name, entry] : all_classes()) {
    fine.push_back(name);
    coarse.push_back(entry.coarse);
    classes.push_back(entry);
  }
  std::sort(coarse.begin(), coarse.end());
  coarse.erase(std::unique(coarse.begin(), coarse.end()), coarse.end());
  write_sample_file(folder / "fine_label_names.txt", joined_lines(fine));
  write_sample_file(folder / "coarse_label_names.txt", joined_lines(coarse));

  const std::int64_t test = request.images / 5;
  const auto draw = [&](const char* file, std::int64_t count, std::uint64_t purpose) {
    std::string records(static_cast<std::size_t>(count) * record_bytes, '\0');
    draw_each(request, count, [&](std::int64_t i) {
      const std::uint64_t seed = mix_seed(mix_seed(request.seed, purpose), static_cast<std::uint64_t>(i));
      const auto label = static_cast<std::size_t>(i % fine_classes);
      Draws draws(seed);
      Thing thing = classes[label].thing;
      thing.colour = varied(thing.colour, draws);
      char* record = records.data() + static_cast<std::size_t>(i) * record_bytes;
      record[0] = static_cast<char>(std::lower_bound(coarse.begin(), coarse.end(), classes[label].coarse) - coarse.begin());
      record[1] = static_cast<char>(label);
      put_pixels(draw_thing(thing, {side, side}, mix_seed(seed, 1)), record + 2);
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
          .doc = "forms, patterns and colours as CIFAR-100's 20 coarse and 100 fine classes",
          .images = 2500,
          .least_images = 5 * fine_classes,
          .size = side,
          .least_size = side,
          .most_size = side,
          .draw = draw_cifar};
}

}  // namespace eval
