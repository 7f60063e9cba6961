#include "eval/formats/onnx.h"
#include "tests/fuzz/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  return fuzz::read_as_file(bytes, size, ".onnx", [](const std::filesystem::path& path) {
    const eval::OnnxNet net = eval::read_onnx(path);
    const eval::Net checked(net.spec, net.weights);  // what is read must be a whole net
  });
}
