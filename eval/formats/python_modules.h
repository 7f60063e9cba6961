// The classes that make a net in Python: its layers' dotted names become modules within modules. Used by python.cpp.
#pragma once

#include <string>
#include <vector>

#include "eval/nets/net_spec.h"

namespace eval {

/// A torch.nn.Module. Blocks that differ in numbers only share one, with these numbers as its parameters.
struct PythonClass {
  std::string name, text;
};

/// Each before those that use it; the last is `Net`. Throws storage::Error(invalid) naming a layer whose name no module can have.
std::vector<PythonClass> python_classes(const NetSpec& spec);

}  // namespace eval
