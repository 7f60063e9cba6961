// Hair, beard and hat of a face. Used by paint().
#pragma once

#include "eval/samples/face_shape.h"

namespace eval {

/// What hangs behind head and neck.
void paint_hair_behind(Pen& pen, const Person& person, const FaceShape& shape);
/// What covers the skull: cap, fringe, or what baldness leaves.
void paint_hair(Pen& pen, const Person& person, const FaceShape& shape, Draws& draws);
void paint_beard(Pen& pen, const Person& person, const FaceShape& shape, Draws& draws);
void paint_hat(Pen& pen, const FaceShape& shape, Draws& draws);

}  // namespace eval
