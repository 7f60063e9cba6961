#include "eval/samples/faces.h"

#include <algorithm>

namespace eval {
namespace {

HairColour draw_hair_colour(double skin, Draws& draws) {
  const double pick = draws.unit();
  if (skin > 0.55) return pick < 0.85 ? HairColour::black : HairColour::brown;
  return pick < 0.3 ? HairColour::black : pick < 0.65 ? HairColour::brown : pick < 0.92 ? HairColour::blond : HairColour::red;
}

double draw_hair_length(bool male, double years, Draws& draws) {
  if (years < 3) return draws.between(0, 0.2);
  const bool unusual = draws.chance(male ? 0.1 : years > 55 ? 0.4 : 0.15);
  return male != unusual ? draws.between(0, 0.2) : draws.between(0.3, 1);
}

Beard draw_beard(double years, Draws& draws) {
  const double pick = draws.unit();
  if (years < 16) return Beard::none;
  if (years < 22) return pick < 0.3 ? Beard::stubble : Beard::none;
  return pick < 0.35   ? Beard::none
         : pick < 0.65 ? Beard::stubble
         : pick < 0.75 ? Beard::moustache
         : pick < 0.85 ? Beard::goatee
                       : Beard::full;
}

Colour draw_iris(double skin, Draws& draws) {
  static const Colour brown{80, 50, 30}, blue{90, 130, 170}, green{95, 125, 85};
  const double pick = draws.unit();
  return skin > 0.5 || pick < 0.45 ? brown : pick < 0.8 ? blue : green;
}

}  // namespace

Person draw_person(bool male, double years, std::uint64_t seed) {
  Draws draws(seed);
  Person person;
  person.male = male;
  person.years = years;
  person.skin = draws.unit();
  person.hair_colour = draw_hair_colour(person.skin, draws);
  person.grey = std::clamp((years - 36) / 32 + 0.16 * draws.normal(), 0.0, 1.0);
  if (years < 30) person.grey = 0;
  person.recession = std::clamp((years - 26) / 65 + 0.22 * draws.normal(), 0.0, 1.0) * (male ? 1 : 0.3);
  if (years < 22) person.recession = 0;
  person.hair_length = draw_hair_length(male, years, draws);
  person.curly = draws.chance(0.3);
  person.fringe = draws.chance(male ? 0.15 : 0.3) && years > 3 && person.recession < 0.4;
  const Beard beard = draw_beard(years, draws);
  person.beard = male ? beard : Beard::none;
  person.lipstick = draws.chance(0.5) && !male && years > 15;
  person.wears_glasses = years > 5 && draws.chance(years < 20 ? 0.12 : years < 45 ? 0.25 : 0.45);
  const auto factor = [&](double spread) { return 1 + spread * draws.normal(); };
  person.width = factor(0.035);
  person.jaw = factor(0.06);
  person.eye_distance = factor(0.05);
  person.eye_size = factor(0.07);
  person.nose = factor(0.1);
  person.lips = factor(0.12);
  person.brows = factor(0.15);
  person.lines = std::max(0.3, factor(0.25));
  person.iris = draw_iris(person.skin, draws);
  return person;
}

Face draw_face(const Person& person, std::uint64_t seed) {
  Draws draws(seed);
  Face face;
  face.person = person;
  const bool smiling = draws.chance(0.5);
  face.smile = smiling ? draws.between(0.45, 1) : draws.between(-0.3, 0.15);
  face.open_mouth = draws.chance(smiling ? 0.55 : 0.12);
  face.glasses = person.wears_glasses ? draws.chance(0.8) : draws.chance(0.02);
  face.hat = draws.chance(0.05);
  face.tilt = 4.5 * draws.normal();
  face.yaw = std::clamp(0.45 * draws.normal(), -1.0, 1.0);
  face.scale = draws.between(0.88, 1.12);
  face.shift = {0.07 * draws.normal(), 0.07 * draws.normal()};
  face.clothes = {draws.between(20, 235), draws.between(20, 235), draws.between(20, 235)};
  face.shot = draw_shot(draws);
  face.seed = mix_seed(seed, 1'000'003);
  return face;
}

}  // namespace eval
