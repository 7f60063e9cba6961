#include <cstdint>
#include <cstdlib>
#include <string>

#include "eval/cost.h"
#include "eval/nets/dot.h"
#include "storage/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const storage::Json json = storage::Json::parse(bytes, bytes + size, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return 0;
  try {
    const eval::NetSpec spec = eval::net_spec_from_json(json);
    eval::cost(spec);
    eval::to_dot(spec);
    if (eval::net_spec_from_json(eval::to_json(spec)) != spec) std::abort();
  } catch (const storage::Error& error) {
    if (error.kind() != storage::ErrorKind::invalid) throw;
  }
  return 0;
}
