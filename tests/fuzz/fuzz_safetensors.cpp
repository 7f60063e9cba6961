#include "eval/formats/safetensors.h"
#include "tests/fuzz/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  return fuzz::read_as_file(bytes, size, ".safetensors", [](const std::filesystem::path& path) { eval::read_safetensors(path); });
}
