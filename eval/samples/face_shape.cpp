#include "eval/samples/face_shape.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace eval {
namespace {

constexpr int outline_steps = 72;

Colour skin_colour(double skin, double child, double old) {
  static const Colour pale{246, 212, 190}, middle{222, 168, 126}, dark{112, 72, 50};
  const Colour base = skin < 0.5 ? mix(pale, middle, 2 * skin) : mix(middle, dark, 2 * skin - 1);
  return mix(mix(base, {250, 190, 175}, 0.15 * child), {190, 170, 150}, 0.2 * old);
}

Colour hair_colour(const Person& person, double child) {
  static const std::array<Colour, 4> colours{Colour{36, 30, 28}, Colour{92, 62, 40}, Colour{206, 172, 108}, Colour{156, 82, 42}};
  const Colour own = colours[static_cast<std::size_t>(person.hair_colour)];
  return mix(mix(own, {200, 160, 110}, 0.4 * child * child), {214, 214, 214}, person.grey);
}

double lerp(double adult, double baby, double child) {
  return adult + (baby - adult) * child;
}

}  // namespace

FaceShape::FaceShape(const Person& person)
    : child(std::clamp(1 - person.years / 18, 0.0, 1.0)), old(std::clamp((person.years - 25) / 50, 0.0, 1.0)) {
  const bool male = person.male;
  const double grown = 1 - child;
  width = lerp(male ? 0.72 : 0.69, 0.8, child) * person.width;
  top = lerp(0.98, 1.04, child);
  chin = lerp(1.0, 0.7, child) + (male ? 0.05 : 0) * grown + 0.07 * old;
  square = lerp(male ? 2.75 : 2.0, 2.25, child) * person.jaw + 0.25 * old;
  taper = lerp(male ? 0.08 : 0.2, 0.04, child) - 0.05 * old;
  eye_y = lerp(-0.1, 0.14, child);
  eye_x = lerp(0.3, 0.36, child) * person.eye_distance;
  eye_width = lerp(male ? 0.125 : 0.14, 0.185, child) * person.eye_size;
  eye_height = eye_width * lerp(male ? 0.48 : 0.56, 0.88, child) * (1 - 0.3 * old);
  nose_y = lerp(0.32, 0.34, child) + 0.04 * old;
  nose_width = lerp(male ? 0.165 : 0.135, 0.1, child) * person.nose * (1 + 0.25 * old);
  mouth_y = lerp(0.6, 0.5, child) + 0.03 * old;
  mouth_width = lerp(male ? 0.27 : 0.25, 0.17, child);
  skin = skin_colour(person.skin, child, old);
  hair = hair_colour(person, child);
  lips = mix(mix(skin, {178, 70, 75}, male ? 0.35 : 0.55), {160, 120, 115}, 0.3 * old);
  if (person.lipstick) lips = {190, 35, 60};
}

double FaceShape::half_width(double y) const {
  const double share = std::min(1.0, std::abs(y) / (y < 0 ? top : chin));
  const double power = y < 0 ? 2.2 : square;
  return width * std::pow(1 - std::pow(share, power), 1 / power) * (y < 0 ? 1 : 1 - taper * share * share);
}

Points FaceShape::outline(double volume) const {
  Points points;
  for (int i = 0; i < outline_steps; ++i) {
    const double angle = 2 * CV_PI * i / outline_steps;
    const double x = std::cos(angle), y = std::sin(angle), power = 2 / (y < 0 ? 2.2 : square);
    const double height = std::pow(std::abs(y), power), across = std::copysign(std::pow(std::abs(x), power), x);
    if (y < 0) {
      points.emplace_back(across * (width + volume), -height * (top + volume));
    } else {
      points.emplace_back(across * (width + volume * (1 - height)) * (1 - taper * height * height), height * chin);
    }
  }
  return points;
}

}  // namespace eval
