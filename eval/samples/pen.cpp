#include "eval/samples/pen.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace eval {
namespace {

constexpr int fraction_bits = 4;  // of the pixel coordinates that OpenCV takes
constexpr int curve_steps = 12, ellipse_steps = 40;

cv::Scalar scalar(const Colour& colour) {
  return {colour[0], colour[1], colour[2]};
}

}  // namespace

Colour mix(const Colour& from, const Colour& to, double share) {
  return from + (to - from) * std::clamp(share, 0.0, 1.0);
}

Colour shade(const Colour& colour, double amount) {
  return amount < 0 ? mix(colour, {0, 0, 0}, -amount) : mix(colour, {255, 255, 255}, amount);
}

Points ellipse(cv::Point2d centre, double width, double height, double turn) {
  Points points;
  for (int i = 0; i < ellipse_steps; ++i) {
    const double angle = 2 * CV_PI * i / ellipse_steps;
    const double x = width * std::cos(angle), y = height * std::sin(angle);
    points.emplace_back(centre.x + x * std::cos(turn) - y * std::sin(turn), centre.y + x * std::sin(turn) + y * std::cos(turn));
  }
  return points;
}

Points arc(cv::Point2d centre, double width, double height, double from, double to) {
  Points points;
  for (int i = 0; i <= curve_steps; ++i) {
    const double angle = from + (to - from) * i / curve_steps;
    points.emplace_back(centre.x + width * std::cos(angle), centre.y + height * std::sin(angle));
  }
  return points;
}

Points curve(cv::Point2d from, cv::Point2d by, cv::Point2d to) {
  Points points;
  for (int i = 0; i <= curve_steps; ++i) {
    const double t = static_cast<double>(i) / curve_steps;
    points.push_back(from * ((1 - t) * (1 - t)) + by * (2 * t * (1 - t)) + to * (t * t));
  }
  return points;
}

Points joined(Points first, const Points& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Points moved(Points points, cv::Point2d by) {
  for (cv::Point2d& point : points) point += by;
  return points;
}

Pen::Pen(cv::Mat& canvas, const cv::Matx23d& placing)
    : canvas_(canvas), placing_(placing), scale_(std::hypot(placing(0, 0), placing(1, 0))) {}

/// Draws to the canvas, or to a copy of the part that is touched, which is then mixed in. `around`: pixels that a line covers beside it.
template <class Draw>
void Pen::draw(const Points& points, int around, double opacity, const Draw& draw) {
  if (opacity < 0.01) return;
  constexpr double unit = 1 << fraction_bits;
  std::vector<cv::Point> fixed;
  std::vector<cv::Point> whole;
  for (const cv::Point2d& point : points) {
    const cv::Vec2d pixel = placing_ * cv::Vec3d(point.x, point.y, 1);
    fixed.emplace_back(cvRound(pixel[0] * unit), cvRound(pixel[1] * unit));
    whole.emplace_back(cvFloor(pixel[0]), cvFloor(pixel[1]));
  }
  if (opacity >= 1) return draw(canvas_, fixed);
  cv::Rect box = cv::boundingRect(whole);
  box = cv::Rect(box.x - around - 2, box.y - around - 2, box.width + 2 * around + 4, box.height + 2 * around + 4) &
        cv::Rect({0, 0}, canvas_.size());
  if (box.empty()) return;
  for (cv::Point& point : fixed) point -= box.tl() * static_cast<int>(unit);
  cv::Mat part = canvas_(box), copy = part.clone();
  draw(copy, fixed);
  cv::addWeighted(copy, opacity, part, 1 - opacity, 0, part);
}

void Pen::fill(const Points& outline, const Colour& colour, double opacity) {
  draw(outline, 0, opacity, [&](cv::Mat& image, const std::vector<cv::Point>& fixed) {
    cv::fillPoly(image, std::vector<std::vector<cv::Point>>{fixed}, scalar(colour), cv::LINE_AA, fraction_bits);
  });
}

void Pen::stroke(const Points& line, const Colour& colour, double width, double opacity) {
  const int thickness = std::max(1, cvRound(width * scale_));
  draw(line, thickness, opacity, [&](cv::Mat& image, const std::vector<cv::Point>& fixed) {
    cv::polylines(image, std::vector<std::vector<cv::Point>>{fixed}, false, scalar(colour), thickness, cv::LINE_AA, fraction_bits);
  });
}

}  // namespace eval
