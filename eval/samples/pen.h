// Draws smooth, partly transparent shapes with OpenCV, in coordinates of the thing drawn. Used by the samples.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

namespace eval {

using Points = std::vector<cv::Point2d>;
using Colour = cv::Vec3d;  ///< red, green, blue in [0, 255]

Colour mix(const Colour& from, const Colour& to, double share);
/// `amount` below 0 goes to black, above 0 to white.
Colour shade(const Colour& colour, double amount);

/// An ellipse as a polygon; `turn` in radians.
Points ellipse(cv::Point2d centre, double width, double height, double turn = 0);
/// Part of an ellipse from one angle to another, in radians; 0 is to the right, a quarter turn down.
Points arc(cv::Point2d centre, double width, double height, double from, double to);
/// From `from` to `to`, drawn towards `by` (a quadratic Bézier curve).
Points curve(cv::Point2d from, cv::Point2d by, cv::Point2d to);
Points joined(Points first, const Points& second);
Points moved(Points points, cv::Point2d by);

class Pen {
 public:
  /// Borrows the canvas (CV_8UC3, red first). `placing` turns coordinates into pixels.
  Pen(cv::Mat& canvas, const cv::Matx23d& placing);

  /// `opacity` in (0, 1]; below 0.01 nothing is drawn.
  void fill(const Points& outline, const Colour& colour, double opacity = 1);
  /// `width` in coordinates; at least one pixel is drawn.
  void stroke(const Points& line, const Colour& colour, double width, double opacity = 1);

 private:
  template <class Draw>
  void draw(const Points& points, int around, double opacity, const Draw& draw);

  cv::Mat& canvas_;
  cv::Matx23d placing_;
  double scale_;
};

}  // namespace eval
