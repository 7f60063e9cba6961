// The part of LibTorch's headers that most of this project uses: tensors and autograd. Precompiled; every file pays for what is here.
#pragma once

#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
