#include "eval/samples/face_hair.h"

#include <algorithm>
#include <cmath>

namespace eval {
namespace {

constexpr int line_steps = 24;

/// How thick the hair lies on the head.
double volume_of(const Person& person, const FaceShape& shape) {
  return (0.07 + 0.1 * person.hair_length + (person.curly ? 0.05 : 0)) * (1 - 0.75 * shape.child * shape.child) *
         (1 - 0.4 * person.recession);
}

/// Babies' hair is thin.
double density_of(const FaceShape& shape) {
  return std::clamp(1.55 - 1.25 * shape.child, 0.3, 1.0);
}

/// Height of the hair line at `u` of the half width, -1 to 1: straight over the forehead, down at the temples; it recedes beside the
/// middle.
double hair_line(const Person& person, const FaceShape& shape, double u) {
  const double side = shape.eye_y + 0.02;
  const double forehead = -0.64 + 0.06 * shape.child - 0.3 * person.recession - (person.male ? 0.02 : 0);
  const double temple = (std::abs(u) - 0.6) / 0.28;
  const double corner = std::exp(-temple * temple) * 0.28 * person.recession;
  return forehead + (side - forehead) * std::pow(std::abs(u), 5) - corner;
}

/// The lower edge of the hair on the head, from right to left.
Points hair_edge(const Person& person, const FaceShape& shape) {
  Points edge;
  for (int i = 0; i <= line_steps; ++i) {
    const double u = 1 - 2.0 * i / line_steps;
    const double y = std::max(hair_line(person, shape, u), -shape.top + 0.02);
    edge.emplace_back(u * 1.01 * shape.half_width(std::max(y, -0.93 * shape.top)), y);
  }
  return edge;
}

/// The upper edge, from left to right.
Points skull_edge(const FaceShape& shape, double volume, double from_y) {
  const double start = std::asin(std::clamp(-from_y / (shape.top + volume), -0.2, 1.0));
  Points edge;
  for (int i = 0; i <= line_steps; ++i) {
    const double angle = CV_PI + start + (CV_PI - 2 * start) * i / line_steps;
    edge.emplace_back((shape.width + volume) * std::cos(angle), (shape.top + volume) * std::sin(angle));
  }
  return edge;
}

void paint_strands(Pen& pen, const Person& person, const FaceShape& shape, double volume, Draws& draws) {
  for (int i = 0; i < 26; ++i) {
    const double u = draws.between(-0.95, 0.95), end_u = std::clamp(u * 1.15, -0.98, 0.98);
    const cv::Point2d root(0.55 * u * shape.width, -(shape.top + volume) * 0.96 * std::sqrt(1 - 0.3 * u * u));
    const cv::Point2d end(end_u * shape.half_width(-0.5), hair_line(person, shape, end_u) - 0.03);
    if (end.y < root.y + 0.05) continue;
    pen.stroke(curve(root, {end.x, root.y + 0.05}, end), shade(shape.hair, draws.between(-0.25, 0.22)), 0.015, 0.6 * density_of(shape));
  }
}

void paint_curls(Pen& pen, const FaceShape& shape, double volume, Draws& draws) {
  for (int i = 0; i < 30; ++i) {
    const double angle = CV_PI * draws.between(0.97, 2.03), size = draws.between(0.06, 0.11);
    const double reach = draws.between(0.55, 1);
    const cv::Point2d centre(std::cos(angle) * (shape.width + volume * reach), std::sin(angle) * (shape.top + volume * reach));
    pen.fill(ellipse(centre, size, size), shade(shape.hair, draws.between(-0.15, 0.15)), density_of(shape));
  }
}

/// What is left of it beside a bald head.
void paint_rim(Pen& pen, const FaceShape& shape) {
  for (const double side : {-1.0, 1.0}) {
    const double x = side * shape.width;
    pen.fill({{x * 0.95, -0.42}, {x * 1.06, -0.3}, {x * 1.09, -0.05}, {x * 1.03, 0.14}, {x * 0.96, 0.08}, {x * 0.9, -0.2}}, shape.hair,
             0.9);
  }
}

/// The lower part of the face, from one ear over the chin to the other, with a notch of `height` for the mouth.
Points jaw_area(const FaceShape& shape, double from_y, double reach) {
  Points area;
  for (int i = 0; i <= line_steps; ++i) {
    const double angle = CV_PI * i / line_steps, power = 2 / shape.square;
    const double height = std::pow(std::sin(angle), power);
    const double y = from_y + (shape.chin + 0.02 - from_y) * height;
    area.emplace_back(std::copysign(std::min(reach, shape.half_width(std::min(y, 0.985 * shape.chin))), std::cos(angle)), y);
  }
  const double lip = shape.mouth_y - 0.12;
  return joined(std::move(area),
                {{-reach * 0.8, lip + 0.08}, {-shape.mouth_width, lip}, {shape.mouth_width, lip}, {reach * 0.8, lip + 0.08}});
}

void paint_moustache(Pen& pen, const FaceShape& shape, const Colour& colour) {
  const double y = shape.mouth_y - 0.09, reach = shape.mouth_width * 1.05;
  pen.fill(joined(curve({-reach, y + 0.06}, {-0.05, y - 0.12}, {0, y - 0.04}), curve({0, y - 0.04}, {0.05, y - 0.12}, {reach, y + 0.06})),
           colour, 0.92);
}

}  // namespace

void paint_hair_behind(Pen& pen, const Person& person, const FaceShape& shape) {
  if (person.hair_length < 0.25 || person.bald()) return;
  const double volume = volume_of(person, shape) + 0.03, half = shape.width + volume + 0.06 * person.hair_length;
  const double end = 0.35 + 1.25 * person.hair_length;
  Points hair = arc({0, 0}, half, shape.top + volume, CV_PI, 2 * CV_PI);
  hair = joined(std::move(hair), curve({half, 0}, {half * 1.12, end * 0.6}, {half * 1.05, end}));
  hair = joined(std::move(hair), curve({-half * 1.05, end}, {-half * 1.12, end * 0.6}, {-half, 0}));
  pen.fill(hair, shade(shape.hair, -0.2));
}

void paint_hair(Pen& pen, const Person& person, const FaceShape& shape, Draws& draws) {
  if (person.bald()) return paint_rim(pen, shape);
  const double volume = volume_of(person, shape);
  if (person.curly) paint_curls(pen, shape, volume, draws);
  const Points edge = hair_edge(person, shape);
  pen.fill(joined(skull_edge(shape, volume, edge.back().y), edge), shape.hair, density_of(shape));
  paint_strands(pen, person, shape, volume, draws);
  if (person.hair_length >= 0.25) {
    for (const double side : {-1.0, 1.0}) {
      const double x = side * shape.width, end = 0.2 + 0.9 * person.hair_length;
      pen.fill(joined(curve({x * 0.8, -0.6}, {x * 0.93, -0.1}, {x * 1.0, end}), curve({x * 1.2, end}, {x * 1.3, -0.1}, {x * 0.95, -0.7})),
               shape.hair, density_of(shape));
    }
  }
  if (person.fringe)
    pen.fill(joined(curve({-0.6 * shape.width, -0.62}, {0, -0.95}, {0.6 * shape.width, -0.62}),
                    curve({0.72 * shape.width, shape.eye_y - 0.24}, {0, shape.eye_y - 0.36}, {-0.72 * shape.width, shape.eye_y - 0.24})),
             shade(shape.hair, 0.05), density_of(shape));
}

void paint_beard(Pen& pen, const Person& person, const FaceShape& shape, Draws& draws) {
  const Colour colour = mix(shade(shape.hair, -0.2), {225, 225, 225}, 0.4 * person.grey);
  switch (person.beard) {
    case Beard::none:
      return;
    case Beard::stubble:
      pen.fill(jaw_area(shape, 0.2, shape.width), mix(shape.skin, {70, 70, 80}, 0.6), 0.4);
      for (int i = 0; i < 160; ++i) {
        const double y = draws.between(shape.mouth_y - 0.1, shape.chin * 0.97), reach = shape.half_width(y) * 0.97;
        const double x = draws.between(-reach, reach);
        pen.stroke({{x, y}, {x, y + 0.015}}, colour, 0.008, 0.35);
      }
      return;
    case Beard::moustache:
      return paint_moustache(pen, shape, colour);
    case Beard::goatee:
      paint_moustache(pen, shape, colour);
      return pen.fill(ellipse({0, shape.mouth_y + 0.3}, 0.2, 0.17), colour, 0.9);
    case Beard::full:
      pen.fill(jaw_area(shape, 0.08, shape.width), colour, 0.93);
      return paint_moustache(pen, shape, colour);
  }
}

void paint_hat(Pen& pen, const FaceShape& shape, Draws& draws) {
  const Colour colour{draws.between(20, 220), draws.between(20, 220), draws.between(20, 220)};
  const double half = shape.width + 0.16, brim = -0.5;
  pen.fill(arc({0, brim}, half, shape.top - 0.25, CV_PI, 2 * CV_PI), colour);
  pen.fill({{-half - 0.05, brim - 0.12}, {half + 0.05, brim - 0.12}, {half + 0.05, brim + 0.06}, {-half - 0.05, brim + 0.06}},
           shade(colour, -0.25));
}

}  // namespace eval
