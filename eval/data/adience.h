// The age groups of Adience's published lists: read by its format, drawn by its sample.
#pragma once

#include <array>

namespace eval {

struct AgeGroup {
  const char* name;
  int from, to;  ///< years
};

inline constexpr std::array<AgeGroup, 8> age_groups{{{"(0, 2)", 0, 2},
                                                     {"(4, 6)", 4, 6},
                                                     {"(8, 12)", 8, 12},
                                                     {"(15, 20)", 15, 20},
                                                     {"(25, 32)", 25, 32},
                                                     {"(38, 43)", 38, 43},
                                                     {"(48, 53)", 48, 53},
                                                     {"(60, 100)", 60, 100}}};
inline constexpr int adience_folds = 5;

}  // namespace eval
