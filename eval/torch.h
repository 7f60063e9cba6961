// The part of LibTorch's headers that this project uses: tensors, autograd, SGD and archives. Precompiled; all of torch/torch.h takes half as long again.
#pragma once

#include <torch/csrc/autograd/autograd.h>
#include <torch/cuda.h>
#include <torch/optim/sgd.h>
#include <torch/serialize.h>
#include <torch/types.h>
