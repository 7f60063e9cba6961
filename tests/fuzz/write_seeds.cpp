// Valid files for the fuzzers to start from. usage: write_seeds DIR
#include "eval/formats/onnx.h"
#include "eval/formats/safetensors.h"
#include "storage/base/file.h"
#include "tests/support/tiny_nets.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path root = argv[1];
  for (const char* reader : {"safetensors", "onnx", "net_spec"}) std::filesystem::create_directories(root / reader);
  for (const eval::NetSpec& spec :
       {support::plain_net(), support::coupled_net(), support::gated_net(), support::shuffled_net(), support::grouped_net()}) {
    const eval::Weights weights = eval::initial_weights(spec, 1);
    eval::write_net(root / "safetensors" / spec.name, spec, weights);
    eval::write_onnx(root / "onnx" / spec.name, spec, weights);
    storage::write_file(root / "net_spec" / spec.name, eval::to_json(spec).dump());
  }
}
