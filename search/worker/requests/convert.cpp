#include "eval/cost.h"
#include "eval/formats/onnx.h"
#include "eval/formats/safetensors.h"
#include "eval/formats/torchscript.h"
#include "search/worker/requests/requests.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/option.h"

namespace search {

Json convert_net(const Json& request) {
  const GivenNet given = load_net(request);
  const eval::Net net(given.spec, given.weights);
  const std::filesystem::path output = request.at("output").get<std::string>();
  const storage::TemporaryNeighbour temporary(output);
  const std::string to = request.at("to").get<std::string>();
  const bool end_to_end = request.value("end_to_end", false);
  if (to == "torchscript")
    eval::write_torchscript(temporary.path(), given.spec, net.weights(), given.info, end_to_end);
  else if (to == "onnx")
    eval::write_onnx(temporary.path(), given.spec, net.weights(), given.info, end_to_end);
  else if (to == "safetensors")
    eval::write_net(temporary.path(), given.spec, net.weights(), given.kept, given.info);
  else
    throw storage::Error(storage::ErrorKind::usage,
                         "format '" + to + "' is not known" + storage::suggestion(to, {"torchscript", "onnx", "safetensors"}));
  storage::commit_file(temporary.path(), output);
  const eval::Cost cost = eval::cost(given.spec);
  return {{"net", given.spec.name}, {"params", cost.params}, {"macs", cost.macs}, {"output", output.string()}};
}

}  // namespace search
