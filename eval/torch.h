// The part of LibTorch's headers that most of this project uses: tensors and autograd. Precompiled; every file pays for what is here.
#pragma once

#include <ATen/core/ivalue.h>  // first: in C++20 Clang needs the type complete before what follows
//
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
