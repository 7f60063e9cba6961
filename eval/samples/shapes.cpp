#include "eval/samples/shapes.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace eval {
namespace {

/// Corners at a radius of 1 and, between them, at `inner`, the first straight up.
Points star(int corners, double inner) {
  Points points;
  for (int i = 0; i < 2 * corners; ++i) {
    const double angle = CV_PI * i / corners - CV_PI / 2, radius = i % 2 == 0 ? 1 : inner;
    points.emplace_back(radius * std::cos(angle), radius * std::sin(angle));
  }
  return points;
}

Points polygon(int corners) {
  return star(corners, std::cos(CV_PI / corners));
}

Points cross() {
  constexpr double a = 0.32;
  return {{-a, -1}, {a, -1}, {a, -a}, {1, -a}, {1, a}, {a, a}, {a, 1}, {-a, 1}, {-a, a}, {-1, a}, {-1, -a}, {-a, -a}};
}

Points heart() {
  Points points;
  for (int i = 0; i < 48; ++i) {
    const double t = 2 * CV_PI * i / 48;
    points.emplace_back(std::pow(std::sin(t), 3), -(13 * std::cos(t) - 5 * std::cos(2 * t) - 2 * std::cos(3 * t) - std::cos(4 * t)) / 16);
  }
  return points;
}

/// Within [-1, 1] both ways.
Points outline(Form form) {
  switch (form) {
    case Form::circle:
      return ellipse({0, 0}, 0.95, 0.95);
    case Form::triangle:
      return polygon(3);
    case Form::square:
      return {{-0.8, -0.8}, {0.8, -0.8}, {0.8, 0.8}, {-0.8, 0.8}};
    case Form::hexagon:
      return polygon(6);
    case Form::star:
      return star(5, 0.42);
    case Form::cross:
      return cross();
    case Form::ring:
      return joined(arc({0, 0}, 0.95, 0.95, 0, 2 * CV_PI), arc({0, 0}, 0.5, 0.5, 2 * CV_PI, 0));
    case Form::heart:
      return heart();
    case Form::crescent:
      return joined(arc({0, 0}, 0.95, 0.95, 0.3 * CV_PI, 1.7 * CV_PI), arc({0.35, 0}, 0.8, 0.8, 1.6 * CV_PI, 0.4 * CV_PI));
    case Form::arrow:
      return {{-1, -0.28}, {0.1, -0.28}, {0.1, -0.8}, {1, 0}, {0.1, 0.8}, {0.1, 0.28}, {-1, 0.28}};
  }
  return {};
}

void paint_pattern(Pen& pen, Pattern pattern, const Colour& colour, double phase) {
  switch (pattern) {
    case Pattern::plain:
      return;
    case Pattern::striped:
      for (double x = -1.5 + 0.4 * phase; x < 1.5; x += 0.4) pen.fill({{x, -1.5}, {x + 0.18, -1.5}, {x + 0.18, 1.5}, {x, 1.5}}, colour);
      return;
    case Pattern::dotted:
      for (double x = -1.5 + 0.4 * phase; x < 1.5; x += 0.4)
        for (double y = -1.5 + 0.4 * phase; y < 1.5; y += 0.4) pen.fill(ellipse({x, y}, 0.12, 0.12), colour);
      return;
    case Pattern::checked:
      for (int row = -4; row < 4; ++row)
        for (int column = -4 + (row & 1); column < 4; column += 2) {
          const double x = 0.4 * (column + phase), y = 0.4 * (row + phase);
          pen.fill({{x, y}, {x + 0.4, y}, {x + 0.4, y + 0.4}, {x, y + 0.4}}, colour);
        }
      return;
  }
}

/// From coordinates in [-1, 1] to pixels: up to 20 degrees turned, and not always in the middle.
cv::Matx23d draw_placing(cv::Size size, Draws& draws) {
  const double shorter = std::min(size.width, size.height), scale = shorter * draws.between(0.26, 0.44);
  const double angle = draws.between(-0.35, 0.35), free = shorter / 2 - scale;
  const double x = size.width / 2.0 + free * draws.between(-1, 1), y = size.height / 2.0 + free * draws.between(-1, 1);
  return {scale * std::cos(angle), -scale * std::sin(angle), x, scale * std::sin(angle), scale * std::cos(angle), y};
}

}  // namespace

std::string to_string(Form form) {
  static const std::array<const char*, all_forms.size()> names{"circle", "triangle", "square", "hexagon",  "star",
                                                               "cross",  "ring",     "heart",  "crescent", "arrow"};
  return names[static_cast<std::size_t>(form)];
}

std::string to_string(Pattern pattern) {
  static const std::array<const char*, 4> names{"plain", "striped", "dotted", "checked"};
  return names[static_cast<std::size_t>(pattern)];
}

cv::Mat draw_thing(const Thing& thing, cv::Size size, std::uint64_t seed) {
  Draws draws(seed);
  const cv::Size fine = size * 2;
  cv::Mat canvas = draw_background(fine, draws);
  const cv::Matx23d placing = draw_placing(fine, draws);
  cv::Mat surface(fine, CV_8UC3, cv::Scalar(thing.colour[0], thing.colour[1], thing.colour[2])), mask(fine, CV_8UC3, cv::Scalar::all(0));
  Pen surface_pen(surface, placing);
  const double light = (thing.colour[0] + thing.colour[1] + thing.colour[2]) / 3;
  paint_pattern(surface_pen, thing.pattern, shade(thing.colour, light > 120 ? -0.6 : 0.65), draws.unit());
  Pen(mask, placing).fill(outline(thing.form), {255, 255, 255});
  std::vector<cv::Mat> planes;
  cv::split(mask, planes);
  surface.copyTo(canvas, planes.front() > 127);
  const Shot shot = draw_shot(draws);
  return take_picture(canvas, shot, size, mix_seed(seed, 1'000'003));
}

}  // namespace eval
