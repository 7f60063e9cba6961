#include "eval/formats/safetensors.h"
#include "eval/formats/torchscript.h"
#include "search/stages/stages.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/option.h"

namespace search {

void export_net(const Json& request) {
  const std::filesystem::path output = request.at("output").get<std::string>();
  const std::string to = request.at("to").get<std::string>();
  const eval::NetSpec spec = eval::net_spec_from_json(request.at("spec"));
  const eval::Net net(spec, eval::read_safetensors(request.at("weights").get<std::string>()).tensors);
  std::filesystem::path temporary = output;
  temporary += ".tmp";
  if (to == "torchscript")
    eval::write_torchscript(temporary, spec, net.weights());
  else if (to == "safetensors")
    eval::write_net(temporary, spec, net.weights());
  else
    throw storage::Error(storage::ErrorKind::usage, "format '" + to + "' is not known" + storage::suggestion(to, {"torchscript", "safetensors"}));
  storage::commit_file(temporary, output);
}

}  // namespace search
