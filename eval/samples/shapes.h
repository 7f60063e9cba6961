// Things with a shape, a pattern and a colour, drawn before a background. Used by the samples of objects.
#pragma once

#include <array>

#include "eval/samples/photo.h"

namespace eval {

enum class Form { circle, triangle, square, hexagon, star, cross, ring, heart, crescent, arrow };
inline constexpr std::array all_forms{Form::circle, Form::triangle, Form::square, Form::hexagon,  Form::star,
                                      Form::cross,  Form::ring,     Form::heart,  Form::crescent, Form::arrow};
enum class Pattern { plain, striped, dotted, checked };

std::string to_string(Form form);
std::string to_string(Pattern pattern);

struct Thing {
  Form form = Form::circle;
  Pattern pattern = Pattern::plain;
  Colour colour{200, 60, 50};
};

/// The thing somewhere near the middle, in a pose and a light from `seed`; CV_8UC3, red first. The same arguments give the same bytes.
cv::Mat draw_thing(const Thing& thing, cv::Size size, std::uint64_t seed);

}  // namespace eval
