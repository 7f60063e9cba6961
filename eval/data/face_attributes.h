// The 40 attributes of CelebA, which LFWA took over: the targets of both formats.
#pragma once

#include <string>
#include <vector>

namespace eval {

/// In CelebA's order (Liu et al. 2015).
inline const std::vector<std::string>& face_attributes() {
  static const std::vector<std::string> names{"5_o_Clock_Shadow",
                                              "Arched_Eyebrows",
                                              "Attractive",
                                              "Bags_Under_Eyes",
                                              "Bald",
                                              "Bangs",
                                              "Big_Lips",
                                              "Big_Nose",
                                              "Black_Hair",
                                              "Blond_Hair",
                                              "Blurry",
                                              "Brown_Hair",
                                              "Bushy_Eyebrows",
                                              "Chubby",
                                              "Double_Chin",
                                              "Eyeglasses",
                                              "Goatee",
                                              "Gray_Hair",
                                              "Heavy_Makeup",
                                              "High_Cheekbones",
                                              "Male",
                                              "Mouth_Slightly_Open",
                                              "Mustache",
                                              "Narrow_Eyes",
                                              "No_Beard",
                                              "Oval_Face",
                                              "Pale_Skin",
                                              "Pointy_Nose",
                                              "Receding_Hairline",
                                              "Rosy_Cheeks",
                                              "Sideburns",
                                              "Smiling",
                                              "Straight_Hair",
                                              "Wavy_Hair",
                                              "Wearing_Earrings",
                                              "Wearing_Hat",
                                              "Wearing_Lipstick",
                                              "Wearing_Necklace",
                                              "Wearing_Necktie",
                                              "Young"};
  return names;
}

/// Names of the two classes of an attribute: without it, with it.
inline std::vector<std::string> attribute_classes(const std::string& attribute) {
  return {"not " + attribute, attribute};
}

}  // namespace eval
