// Writes small nets of the registry with weights drawn by seed, as safetensors that say their net: what lda_reference.py reads.
// usage: write_nets FOLDER NET...
#include <filesystem>

#include "eval/formats/safetensors.h"
#include "eval/nets/net.h"
#include "eval/nets/registry.h"

int main(int argc, char** argv) {
  torch::manual_seed(7);
  for (int i = 2; i < argc; ++i) {
    const eval::NetSpec spec = eval::make_net(argv[i], {.width = 0.25, .classes = 4, .input = {3, 32, 32}, .layout = eval::Layout::small});
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
