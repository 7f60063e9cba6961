// Changes of an image's bytes that keep its size: factors of brightness, contrast and saturation, and the 14 of TrivialAugment. Used by the
// augmentation.
#pragma once

#include <cstdint>
#include <vector>

namespace eval {

/// Planes of bytes (channel, row, column) with a margin: of the dataset, or made here.
struct Planes {
  const std::uint8_t* bytes;
  int channels, height, width, margin;  ///< height and width with the margin
  std::vector<std::uint8_t> made = {};

  std::size_t plane() const { return static_cast<std::size_t>(height) * width; }

  /// Of the same size, owned, all 0.
  Planes blank() const;
};

/// Grey, towards which a saturation below 1 moves: ITU-R BT.601; the mean of that is what contrast moves towards.
Planes recoloured(const Planes& from, double brightness, double contrast, double saturation);

/// The augmentation space of TrivialAugment (Müller and Hutter 2021, "wide", table 5).
enum class TrivialChange {
  identity,
  shear_x,
  shear_y,
  translate_x,
  translate_y,
  rotate,
  brightness,
  saturation,
  contrast,
  sharpness,
  posterize,
  solarize,
  auto_contrast,
  equalize
};
inline constexpr int trivial_changes = 14;

/// What is drawn for an image: each change is as likely, its strength is one of 0, 1/30, 2/30 ... 1 of the widest range, and the sign of
/// those that have two sides is as likely + as -.
struct TrivialDraw {
  TrivialChange change = TrivialChange::identity;
  double strength = 0;  ///< in [-1, 1]; below 0 only where the change has two sides
};
TrivialDraw draw_trivial(std::uint64_t seed);

/// The image under one change: what geometry brings in from outside is black, places are taken without interpolation. Ranges at strength 1:
/// shear by 0.99, 32 pixels, 135 degrees, factors of 1 +- 0.99, 2 bits a channel left, all values inverted. auto_contrast and
/// equalize have no strength.
Planes changed(const Planes& from, const TrivialDraw& draw);

}  // namespace eval
