// Writes nets of the registry with weights drawn by seed, as safetensors that say their net: small ones for lda_reference.py, or as published,
// for images of that size, for registry_test.py. usage: write_nets FOLDER [HEIGHTxWIDTH] NET...
#include <cstdio>
#include <filesystem>

#include "eval/formats/safetensors.h"
#include "eval/nets/net.h"
#include "eval/nets/registry.h"

int main(int argc, char** argv) {
  torch::manual_seed(7);
  eval::NetOptions options{.width = 0.25, .classes = 4, .input = {3, 32, 32}, .layout = eval::Layout::small};
  int first = 2, height = 0, width = 0;
  if (argc > 2 && std::sscanf(argv[2], "%dx%d", &height, &width) == 2) {
    options = {.input = {3, height, width}, .layout = eval::Layout::imagenet};
    ++first;
  }
  for (int i = first; i < argc; ++i) {
    const eval::NetSpec spec = eval::make_net(argv[i], options);
    eval::Weights weights = eval::initial_weights(spec, 11);
    // Batch norm and biases of a trained net are no identity.
    for (auto& [name, tensor] : weights) {
      if (name.find("running_var") != std::string::npos) tensor.uniform_(0.5, 2);
      if (name.find("running_mean") != std::string::npos || name.ends_with(".bias")) tensor.uniform_(-0.2, 0.2);
      if (name.ends_with(".weight") && tensor.dim() == 1) tensor.uniform_(0.5, 1.5);
    }
    eval::write_net(std::filesystem::path(argv[1]) / (std::string(argv[i]) + ".safetensors"), spec, weights, {});
  }
}
