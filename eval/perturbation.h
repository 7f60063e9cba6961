// One change of test images that a net is measured under: noise, or an attack. Asked for by experiments, made by robustness.h.
#pragma once

#include <string>

#include "storage/base/json.h"

namespace eval {

struct Perturbation {
  std::string kind;  ///< noise, attack or spatial
  std::string name;  ///< of noise.h or attacks/catalog.h
  double level = 0;
  storage::Json options = storage::Json::object();  ///< of an attack, checked
  std::string source = "self";                      ///< the net that an attack is made on: "self", or the name of another
};

}  // namespace eval
