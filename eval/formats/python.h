// A net as a Python module that needs nothing but torch, written as a person would: to fine-tune, trace, compile and export it there.
#pragma once

#include <string>
#include <vector>

#include "eval/nets/net_info.h"

namespace eval {

/// How an image file becomes what the net takes, besides mean and deviation.
struct PythonImages {
  int margin = 0;        ///< pixels around the middle that evaluation leaves out
  bool stretch = false;  ///< other shapes are stretched to the net's; else their middle is taken
  bool turn = true;      ///< as EXIF says
};

/// The text of a .py file: one class a kind of block, `Net` with the names of the spec's tensors, `load` and `save` for the safetensors
/// file `weights` beside it, `preprocess` for an image of Pillow, CLASSES, MEAN and DEVIATION as far as they are known. `about`: lines for
/// its docstring. The module's state_dict has the spec's tensors and batch norm's counters. Throws storage::Error(invalid) naming a layer
/// whose name no module can have.
std::string python_module(const NetSpec& spec, const NetInfo& info, const std::string& weights, const std::vector<std::string>& about = {},
                          const PythonImages& images = {});

}  // namespace eval
