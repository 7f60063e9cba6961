// The geometry and the colours of a face, from a person's gender and years. The origin is the middle of the face at its widest, y grows
// downwards, and an adult's chin lies at 1. Used by the painters of faces.
#pragma once

#include "eval/samples/faces.h"

namespace eval {

struct FaceShape {
  double child = 0, old = 0;                   ///< 1 for a newborn, 0 from 18 on; 0 up to 25, 1 from 75 on
  double width, top, chin;                     ///< half of the width; how far up and down it reaches
  double square, taper;                        ///< of the jaw: exponent of the outline, and how much narrower the chin is
  double eye_y, eye_x, eye_width, eye_height;  ///< halves
  double nose_y, nose_width, mouth_y, mouth_width;
  Colour skin, hair, lips;

  explicit FaceShape(const Person& person);

  /// Half of the width at a height.
  double half_width(double y) const;
  /// Clockwise from the right, made larger by `volume` above the middle.
  Points outline(double volume = 0) const;
};

}  // namespace eval
