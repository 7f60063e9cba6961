#include <algorithm>
#include <cmath>

#include "eval/samples/face_hair.h"
#include "eval/samples/face_shape.h"
#include "eval/samples/faces.h"

namespace eval {
namespace {

constexpr double frame_half = 1.38;  // coordinates from the middle of an image to its edge
constexpr double frame_centre = 0.02;
constexpr double features_turn = 0.11;  // how far eyes, nose and mouth move where the head is turned to a side

cv::Matx23d placing(const Face& face, int pixels, double turned) {
  const double scale = pixels / (2 * frame_half) * face.scale, angle = face.tilt * CV_PI / 180;
  const double cosine = scale * std::cos(angle), sine = scale * std::sin(angle);
  const double x = pixels / 2.0 + pixels / (2 * frame_half) * face.shift.x, y = pixels / 2.0 + pixels / (2 * frame_half) * face.shift.y;
  const double from_x = turned * face.yaw, from_y = -frame_centre;
  return {cosine, -sine, x + cosine * from_x - sine * from_y, sine, cosine, y + sine * from_x + cosine * from_y};
}

void paint_body(Pen& pen, const Face& face, const FaceShape& shape) {
  const double half = (face.person.male ? 0.5 : 0.38) - 0.08 * shape.child, below = shape.chin + 0.12 + 0.05 * (1 - shape.child);
  const Colour shadow = shade(shape.skin, -0.16);
  pen.fill({{-half, 0.3}, {half, 0.3}, {half * 1.1, below}, {half * 1.4, 2.4}, {-half * 1.4, 2.4}, {-half * 1.1, below}}, shadow);
  const double shoulders = (face.person.male ? 1.5 : 1.25) - 0.35 * shape.child;
  pen.fill(joined(arc({0, below + 0.55}, shoulders, 0.52, CV_PI, 2 * CV_PI), {{shoulders, 3.2}, {-shoulders, 3.2}}), face.clothes);
  pen.fill(ellipse({0, below}, half * 1.1, 0.17), shadow);
}

void paint_head(Pen& pen, const FaceShape& shape, double yaw) {
  const double size = 1 + 0.25 * shape.old;
  for (const double side : {-1.0, 1.0}) {
    const double away = 1 - 0.6 * std::max(0.0, side * yaw);  // the ear of the side it turns to goes out of sight
    pen.fill(ellipse({side * shape.width * 1.0, shape.eye_y + 0.14}, 0.11 * away, 0.19 * size), shade(shape.skin, -0.1));
    pen.fill(ellipse({side * shape.width * 1.02, shape.eye_y + 0.14}, 0.05 * away, 0.11 * size), shade(shape.skin, -0.25));
  }
  pen.fill(shape.outline(), shape.skin);
  pen.stroke(arc({0, 0.1}, shape.width * 0.97, shape.chin - 0.12, 0.15 * CV_PI, 0.85 * CV_PI), shade(shape.skin, -0.15), 0.06, 0.35);
  for (const double side : {-1.0, 1.0})
    pen.fill(ellipse({side * 0.6 * shape.width, shape.mouth_y - 0.14}, 0.17 + 0.05 * shape.child, 0.13 + 0.05 * shape.child), {230, 95, 90},
             0.06 + 0.22 * shape.child);
}

void paint_eye(Pen& pen, const Face& face, const FaceShape& shape, double side) {
  const Person& person = face.person;
  const double width = shape.eye_width, height = shape.eye_height * (1 - 0.25 * std::max(0.0, face.smile)), x = side * shape.eye_x;
  const cv::Point2d centre(x, shape.eye_y);
  const double tail = 0.02 - 0.05 * shape.old * person.lines;
  const cv::Point2d inner(x - side * width, shape.eye_y + 0.01), outer(x + side * width, shape.eye_y - tail);
  const Points lid = curve(inner, {x, shape.eye_y - 2 * height}, outer), under = curve(outer, {x, shape.eye_y + 2 * height}, inner);
  pen.fill(joined(lid, under), {244, 242, 238});
  const double iris = std::min(0.9 * height, 0.62 * width);
  const cv::Point2d gaze = centre + cv::Point2d(0.03 * face.yaw, 0);
  pen.fill(ellipse(gaze, iris, iris), person.iris);
  pen.fill(ellipse(gaze, 0.5 * iris, 0.5 * iris), {15, 12, 12});
  pen.fill(ellipse(gaze + cv::Point2d(-0.3 * iris, -0.35 * iris), 0.2 * iris, 0.2 * iris), {255, 255, 255});
  const bool lashes = !person.male && person.years > 3;
  pen.stroke(lid, mix({40, 25, 20}, shape.skin, lashes ? 0 : 0.35), lashes ? 0.042 : 0.022);
  if (lashes && person.years < 60) pen.stroke({outer, outer + cv::Point2d(side * 0.05, -0.06)}, {40, 25, 20}, 0.03);
  pen.stroke(under, shade(shape.skin, -0.3), 0.014, 0.7);
  pen.stroke(moved(lid, {0, -0.05}), shade(shape.skin, -0.3), 0.014, 0.25 + 0.45 * shape.old);
}

void paint_brow(Pen& pen, const Person& person, const FaceShape& shape, double side) {
  const double grown = 1 - shape.child, x = side * shape.eye_x;
  const double thick = ((person.male ? 0.075 : 0.04) * grown + 0.022 * shape.child) * person.brows * (1 + 0.3 * shape.old * person.male);
  const double y = shape.eye_y - shape.eye_height - (person.male ? 0.1 : 0.15) - 0.05 * shape.child;
  const double arch = person.male ? 0.05 : 0.12;
  const Points brow = curve({x - side * 0.17, y + 0.03}, {x + side * 0.03, y - arch}, {x + side * 0.2, y + 0.03});
  pen.stroke(brow, mix(shade(shape.hair, -0.3), shape.skin, 0.1 + 0.5 * shape.child), thick, 0.9);
}

void paint_nose(Pen& pen, const FaceShape& shape) {
  const double half = shape.nose_width, y = shape.nose_y;
  const Colour dark = shade(shape.skin, -0.32);
  const double grown = 1 - shape.child;
  pen.stroke(curve({-0.35 * half, shape.eye_y + 0.08}, {-0.5 * half, y - 0.15}, {-half, y - 0.02}), dark, 0.02, 0.15 + 0.4 * grown);
  pen.fill(ellipse({0, y - 0.05}, 0.6 * half, 0.7 * half), shade(shape.skin, 0.22), 0.4);
  for (const double side : {-1.0, 1.0}) {
    pen.stroke(arc({side * 0.75 * half, y - 0.02}, 0.35 * half, 0.06, side > 0 ? -0.5 * CV_PI : -0.5 * CV_PI,
                   side > 0 ? 0.6 * CV_PI : -1.6 * CV_PI),
               dark, 0.02, 0.7);
    pen.fill(ellipse({side * 0.42 * half, y + 0.025}, 0.22 * half, 0.022 + 0.006 * grown), shade(shape.skin, -0.55), 0.9);
  }
  pen.stroke(curve({-0.3 * half, y + 0.04}, {0, y + 0.075}, {0.3 * half, y + 0.04}), dark, 0.02, 0.7);
}

void paint_mouth(Pen& pen, const Face& face, const FaceShape& shape) {
  const double y = shape.mouth_y, half = shape.mouth_width * (1 + 0.3 * std::max(0.0, face.smile)), lift = 0.13 * face.smile;
  const double full = (face.person.male ? 0.045 : 0.075) * face.person.lips * (1 - 0.45 * shape.old) + 0.015 * shape.child;
  const cv::Point2d left(-half, y - lift), right(half, y - lift);
  const double middle = y + 0.6 * lift, open = face.open_mouth ? 0.06 + 0.05 * std::max(0.0, face.smile) : 0;
  const Points upper = joined(curve(left, {-0.3 * half, middle - 2.1 * full}, {0, middle - 0.8 * full}),
                              curve({0, middle - 0.8 * full}, {0.3 * half, middle - 2.1 * full}, right));
  const Points above = curve(right, {0, middle + lift}, left), below = curve(left, {0, middle + lift + 2 * open}, right);
  pen.fill(joined(upper, above), shape.lips);
  pen.fill(joined(curve(left, {0, middle + lift + 2 * open + 2.6 * full}, right), curve(right, {0, middle + lift + 2 * open}, left)),
           shade(shape.lips, 0.1));
  if (face.open_mouth) {
    pen.fill(joined(above, below), {70, 25, 30});
    pen.fill(joined(above, curve(left * 0.85 + right * 0.15, {0, middle + lift + 1.2 * open}, left * 0.15 + right * 0.85)),
             {245, 240, 228});
  } else {
    pen.stroke(above, shade(shape.lips, -0.5), 0.02);
  }
  if (face.smile > 0.3) {
    for (const double side : {-1.0, 1.0})
      pen.stroke(arc({side * half, y - lift}, 0.06, 0.09, side > 0 ? -0.4 * CV_PI : 0.6 * CV_PI, side > 0 ? 0.4 * CV_PI : 1.4 * CV_PI),
                 shade(shape.skin, -0.3), 0.02, 0.5);
  }
}

/// Each kind of line comes at its age and deepens.
void paint_wrinkles(Pen& pen, const Person& person, const FaceShape& shape) {
  const Colour dark = shade(shape.skin, -0.38);
  const auto depth = [&](double from, double span) {
    return std::clamp((person.years - from) / span, 0.0, 1.0) * std::min(1.0, 0.85 * person.lines);
  };
  const double width = 0.02 + 0.012 * shape.old;
  for (int i = 0; i < 4; ++i) {
    const double y = -0.4 - 0.1 * i, half = 0.4 * shape.width * (1 + 0.15 * (i % 2));
    pen.stroke(curve({-half, y + 0.02}, {0, y - 0.04}, {half, y + 0.02}), dark, width, depth(32 + 5 * i, 20));
  }
  for (const double side : {-1.0, 1.0}) {
    const double x = side * shape.eye_x, outer = x + side * (shape.eye_width + 0.03);
    for (int i = -1; i <= 1; ++i)
      pen.stroke({{outer, shape.eye_y + 0.03 * i}, {outer + side * 0.11, shape.eye_y + 0.08 * i + 0.01}}, dark, width,
                 depth(33 + 3 * (i + 1), 18));
    pen.stroke(arc({x, shape.eye_y + 0.07}, shape.eye_width, 0.07, 0.1 * CV_PI, 0.9 * CV_PI), dark, width, depth(30, 35));
    pen.stroke(arc({x, shape.eye_y + 0.1}, shape.eye_width * 1.1, 0.12, 0.1 * CV_PI, 0.9 * CV_PI), dark, width, depth(48, 25));
    const double mouth = side * (shape.mouth_width + 0.08);
    pen.stroke(curve({side * shape.nose_width * 1.15, shape.nose_y - 0.05}, {mouth, shape.nose_y + 0.05}, {mouth, shape.mouth_y + 0.02}),
               dark, width * 1.2, depth(29, 22));
    pen.stroke(curve({mouth * 0.9, shape.mouth_y + 0.06}, {mouth, shape.mouth_y + 0.15}, {mouth * 0.85, shape.mouth_y + 0.26}), dark, width,
               depth(44, 25));
    pen.stroke(curve({side * 0.06, shape.eye_y - 0.12}, {side * 0.03, shape.eye_y - 0.2}, {side * 0.06, shape.eye_y - 0.28}), dark, width,
               depth(40, 30));
    pen.stroke(curve({side * 0.1, shape.chin + 0.1}, {side * 0.16, shape.chin + 0.2}, {side * 0.12, shape.chin + 0.4}), dark, width,
               depth(50, 25));
  }
}

void paint_glasses(Pen& pen, const FaceShape& shape, Draws& draws) {
  const bool sun = draws.chance(0.12), dark = draws.chance(0.7);
  const Colour frame = dark ? Colour{30, 28, 32} : Colour{150, 120, 70};
  const double width = shape.eye_width + draws.between(0.05, 0.1), height = width * draws.between(0.65, 0.95), y = shape.eye_y + 0.02;
  for (const double side : {-1.0, 1.0}) {
    Points rim = ellipse({side * shape.eye_x, y}, width, height);
    rim.push_back(rim.front());
    pen.fill(rim, sun ? Colour{25, 25, 30} : Colour{225, 235, 245}, sun ? 0.88 : 0.12);
    pen.stroke(rim, frame, 0.035);
    pen.stroke({{side * (shape.eye_x + width), y - 0.03}, {side * shape.width * 1.02, y - 0.04}}, frame, 0.035);
  }
  pen.stroke(curve({-shape.eye_x + width, y - 0.02}, {0, y - 0.08}, {shape.eye_x - width, y - 0.02}), frame, 0.035);
}

}  // namespace

cv::Mat paint(const Face& face, int side) {
  const FaceShape shape(face.person);
  const int pixels = 2 * side;
  Draws draws(face.seed);
  cv::Mat canvas = draw_background({pixels, pixels}, draws);
  Pen head(canvas, placing(face, pixels, 0)), features(canvas, placing(face, pixels, features_turn));
  paint_hair_behind(head, face.person, shape);
  paint_body(head, face, shape);
  paint_head(head, shape, face.yaw);
  paint_wrinkles(features, face.person, shape);
  paint_beard(head, face.person, shape, draws);
  for (const double eye : {-1.0, 1.0}) {
    paint_eye(features, face, shape, eye);
    paint_brow(features, face.person, shape, eye);
  }
  paint_nose(features, shape);
  paint_mouth(features, face, shape);
  if (face.hat)
    paint_hat(head, shape, draws);
  else
    paint_hair(head, face.person, shape, draws);
  if (face.glasses) paint_glasses(features, shape, draws);
  return take_picture(canvas, face.shot, {side, side}, mix_seed(face.seed, 7));
}

}  // namespace eval
