#include <fmt/format.h>

#include "eval/cost.h"
#include "eval/formats/onnx.h"
#include "eval/formats/python.h"
#include "eval/formats/safetensors.h"
#include "eval/formats/torchscript.h"
#include "search/worker/requests/requests.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/option.h"

namespace search {

namespace {

/// A .py file, and the weights that it loads beside it.
void write_python(const std::filesystem::path& file, const GivenNet& given, const eval::Weights& weights, const Json& request) {
  std::filesystem::path beside = file;
  beside.replace_extension(".safetensors");
  const Json images = request.value("images", Json::object());
  const std::string text = eval::python_module(
      given.spec, given.info, beside.filename().string(), request.value("about", std::vector<std::string>()),
      {images.value("margin", 0), images.value("fit", "crop") == "stretch", images.value("orientation", "exif") == "exif"});
  const storage::TemporaryNeighbour temporary(beside);
  eval::write_net(temporary.path(), given.spec, weights, given.kept, given.info);
  storage::commit_file(temporary.path(), beside);
  storage::write_file(file, text);
}

}  // namespace

Json convert_net(const Json& request) {
  const GivenNet given = load_net(request);
  const eval::Net net(given.spec, given.weights);
  const std::filesystem::path output = request.at("output").get<std::string>();
  const storage::TemporaryNeighbour temporary(output);
  const std::string to = request.at("to").get<std::string>();
  const bool end_to_end = request.value("end_to_end", false);
  if (to == "python")
    write_python(output, given, net.weights(), request);
  else if (to == "torchscript")
    eval::write_torchscript(temporary.path(), given.spec, net.weights(), given.info, end_to_end);
  else if (to == "onnx")
    eval::write_onnx(temporary.path(), given.spec, net.weights(), given.info,
                     {end_to_end, request.value("opset", eval::OnnxOptions().operator_set)});
  else if (to == "safetensors")
    eval::write_net(temporary.path(), given.spec, net.weights(), given.kept, given.info);
  else
    throw storage::Error(storage::ErrorKind::usage,
                         "format '" + to + "' is not known" + storage::suggestion(to, {"python", "torchscript", "onnx", "safetensors"}));
  if (to != "python") storage::commit_file(temporary.path(), output);
  const eval::Cost cost = eval::cost(given.spec);
  return {{"net", given.spec.name}, {"params", cost.params}, {"macs", cost.macs}, {"output", output.string()}};
}

}  // namespace search
