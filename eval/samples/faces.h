// Faces as numbers, and drawn from them: age and gender change shape, hair and skin as they do in life, each with exceptions. Used by the
// samples of faces.
#pragma once

#include "eval/samples/photo.h"

namespace eval {

enum class HairColour { black, brown, blond, red };
enum class Beard { none, stubble, moustache, goatee, full };

/// What all pictures of a person share. Factors are about 1; the other traits are in [0, 1].
struct Person {
  bool male = false;
  double years = 30;
  double skin = 0.3;  ///< 0 pale to 1 dark
  HairColour hair_colour = HairColour::brown;
  double grey = 0;           ///< share of the hair
  double recession = 0;      ///< of the hair line; beyond 0.75 the head is bald
  double hair_length = 0.1;  ///< 0 cropped, 1 over the shoulders
  bool curly = false, fringe = false;
  Beard beard = Beard::none;
  bool lipstick = false;
  bool wears_glasses = false;
  double width = 1, jaw = 1, eye_distance = 1, eye_size = 1, nose = 1, lips = 1, brows = 1;
  double lines = 1;  ///< how deep wrinkles are for the years
  Colour iris{90, 60, 40};

  bool bald() const { return male && recession > 0.75; }
};

/// One picture of a person.
struct Face {
  Person person;
  double smile = 0;  ///< -0.3 (sullen) to 1 (broad)
  bool open_mouth = false, glasses = false, hat = false;
  double tilt = 0;  ///< degrees
  double yaw = 0;   ///< -1 to 1: how far the head is turned
  double scale = 1;
  cv::Point2d shift;
  Colour clothes{90, 90, 90};
  Shot shot;
  std::uint64_t seed = 0;  ///< of background, strands, stubble and noise
};

/// A person of that gender and age, of random looks.
Person draw_person(bool male, double years, std::uint64_t seed);

/// A picture of the person; the same seed gives the same pose and light.
Face draw_face(const Person& person, std::uint64_t seed);

/// Square, `side` pixels, CV_8UC3, red first. The same face gives the same bytes.
cv::Mat paint(const Face& face, int side);

}  // namespace eval
