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
void write_python(const std::filesystem::path& file, const GivenNet& given, const Json& request) {
  std::filesystem::path beside = file;
  beside.replace_extension(".safetensors");
  const Json images = request.value("images", Json::object());
  const std::string text = eval::python_module(
      given.spec, given.info, beside.filename().string(), request.value("about", std::vector<std::string>()),
      {images.value("margin", 0), images.value("fit", "crop") == "stretch", images.value("orientation", "exif") == "exif"});
  const std::filesystem::path weights = storage::behind_link(beside);
  const storage::TemporaryNeighbour temporary(weights);
  eval::write_net(temporary.path(), given.spec, given.weights, given.kept, given.info);
  storage::commit_file(temporary.path(), weights);
  storage::write_file(file, text);
}

}  // namespace

void write_given(const GivenNet& net, const std::string& to, const Json& request) {
  const std::filesystem::path output = request.at("output").get<std::string>();
  if (to == "python") return write_python(output, net, request);
  const storage::TemporaryNeighbour temporary(output);
  const bool end_to_end = request.value("end_to_end", false);
  if (to == "torchscript")
    eval::write_torchscript(temporary.path(), net.spec, net.weights, net.info, end_to_end);
  else if (to == "onnx")
    eval::write_onnx(temporary.path(), net.spec, net.weights, net.info,
                     {end_to_end, request.value("opset", eval::OnnxOptions().operator_set)});
  else if (to == "safetensors")
    eval::write_net(temporary.path(), net.spec, net.weights, net.kept, net.info);
  else
    throw storage::Error(storage::ErrorKind::usage,
                         "format '" + to + "' is not known" + storage::suggestion(to, {"python", "torchscript", "onnx", "safetensors"}));
  storage::commit_file(temporary.path(), output);
}

Json convert_net(const Json& request) {
  GivenNet given = load_net(request);
  given.weights = eval::Net(given.spec, std::move(given.weights)).weights();
  write_given(given, request.at("to"), request);
  const eval::Cost cost = eval::cost(given.spec);
  return {{"net", given.spec.name}, {"params", cost.params}, {"macs", cost.macs}, {"output", request.at("output")}};
}

}  // namespace search
