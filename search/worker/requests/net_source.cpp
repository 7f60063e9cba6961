#include <fmt/format.h>
#include <torch/cuda.h>

#include <algorithm>
#include <string_view>

#include "eval/formats/onnx.h"
#include "eval/formats/safetensors.h"
#include "eval/formats/weights_file.h"
#include "eval/formats/weights_identity.h"
#include "eval/nets/layer_shape.h"
#include "eval/nets/registry.h"
#include "search/worker/requests/requests.h"
#include "storage/base/error.h"

namespace search {

using storage::Error;
using storage::ErrorKind;

namespace {

std::optional<eval::NetSpec> requested_spec(const Json& request) {
  if (request.contains("spec")) return eval::net_spec_from_json(request.at("spec"));
  if (request.contains("net")) return eval::make_net(request.at("net").at("name"), eval::net_options_from_json(request.at("net")));
  return std::nullopt;
}

Json parse_metadata(const std::filesystem::path& file, const eval::TensorFile& tensors, const char* key) {
  const auto entry = tensors.metadata.find(key);
  if (entry == tensors.metadata.end()) return {};
  Json json = Json::parse(entry->second, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw Error(ErrorKind::invalid, fmt::format("{}: the metadata '{}' is no JSON", file.string(), key));
  if (std::string_view(key) == "kept") eval::require_kept(file, json);
  return json;
}

/// What is wrong with the weights is said with their file.
template <typename Read>
auto of_file(const std::filesystem::path& file, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", file.string(), error.what()));
  }
}

GivenNet from_safetensors(const std::filesystem::path& file, std::optional<eval::NetSpec> spec) {
  eval::TensorFile tensors = eval::read_safetensors(file);
  const Json carried = parse_metadata(file, tensors, "net_spec");
  if (!spec && !carried.is_null()) spec = eval::net_spec_from_json(carried);
  if (!spec)
    throw Error(ErrorKind::invalid, fmt::format("{}: the file carries no net; valid: name it with --net or --spec", file.string()));
  eval::require_names(file, *spec, tensors.tensors);
  eval::NetInfo info = eval::fitting(eval::net_info_from_metadata(tensors.metadata), *spec);
  Json kept = parse_metadata(file, tensors, "kept");
  return {*spec, of_file(file, [&] { return eval::inference_weights(*spec, std::move(tensors.tensors)); }), std::move(kept),
          std::move(info)};
}

/// The net as its file has it.
GivenNet read_net(const Json& request) {
  const std::filesystem::path file = request.at("weights").get<std::string>();
  std::optional<eval::NetSpec> spec = requested_spec(request);
  if (!eval::is_onnx(file)) {
    GivenNet net = from_safetensors(file, std::move(spec));
    if (request.contains("kept")) net.kept = request.at("kept");
    if (request.contains("info")) net.info = eval::fitting(eval::net_info_from_json(request.at("info")), net.spec);
    return net;
  }
  if (spec)
    throw Error(ErrorKind::usage,
                fmt::format("{}: an ONNX file says its net itself; valid: no --net and no --spec beside it", file.string()));
  eval::OnnxSize size;
  if (request.contains("input")) size = {request["input"].at(0), request["input"].at(1), request["input"].at(2)};
  eval::OnnxNet net = eval::read_onnx(file, size);
  for (const std::string& note : net.notes) fmt::print(stderr, "nas-run: {}: {}\n", file.string(), note);
  return {std::move(net.spec), std::move(net.weights), {}, std::move(net.info), std::move(net.external_files)};
}

/// Throws storage::Error(invalid) where a class of both is in two places; says so where the data have classes that the net's file does not
/// name.
void check_classes(const std::vector<std::string>& of_data, const std::vector<std::string>& of_net) {
  if (of_net.empty() || of_data == of_net) return;
  std::vector<std::string> unknown;
  for (std::size_t i = 0; i < of_data.size(); ++i) {
    const auto known = std::find(of_net.begin(), of_net.end(), of_data[i]);
    if (known == of_net.end())
      unknown.push_back(of_data[i]);
    else if (known - of_net.begin() != static_cast<std::ptrdiff_t>(i))
      throw Error(ErrorKind::invalid,
                  fmt::format("the data have the classes {} in another order than the net, whose scores are of {}; valid: the "
                              "net's order, as in the data's option 'classes'",
                              fmt::join(of_data, ", "), fmt::join(of_net, ", ")));
  }
  fmt::print(stderr, "nas-run: the data have classes that the net's file does not name: {}; its scores are of {}\n",
             fmt::join(unknown, ", "), fmt::join(of_net, ", "));
}

}  // namespace

GivenNet load_net(const Json& request) {
  GivenNet net = read_net(request);
  eval::require_finite(request.at("weights").get<std::string>(), net.weights);
  if (!request.contains("pixels")) return net;
  const eval::NetInfo given = eval::net_info_from_json(request.at("pixels"));
  const int channels = eval::output_shapes(net.spec).front().channels;
  if (std::ssize(given.mean) != channels || std::ssize(given.deviation) != channels)
    throw Error(ErrorKind::usage,
                fmt::format("--mean and --deviation have {} and {} values; valid: {} each, the channels of the net's images",
                            given.mean.size(), given.deviation.size(), channels));
  if (net.info.knows_pixels() && (net.info.mean != given.mean || net.info.deviation != given.deviation))
    throw Error(ErrorKind::usage,
                fmt::format("--mean and --deviation: {} says how its net takes pixels: mean {:.4g}, deviation {:.4g}; valid: without them",
                            request.at("weights").get<std::string>(), fmt::join(net.info.mean, ","), fmt::join(net.info.deviation, ",")));
  net.info.mean = given.mean;
  net.info.deviation = given.deviation;
  return net;
}

eval::StartingWeights starting_weights_of(const std::filesystem::path& file, const eval::NetSpec& spec, const eval::Weights& fresh,
                                          bool lacks_norms) {
  eval::Weights trained = eval::read_weights(file);
  if (!lacks_norms) eval::require_names(file, spec, trained);
  return of_file(file, [&] { return eval::starting_weights(spec, std::move(trained), fresh); });
}

torch::Device device_of(const Json& request) {
  const torch::Device device(request.at("device").get<std::string>());
  if (device.is_cuda() && torch::cuda::device_count() == 0)
    throw Error(ErrorKind::environment,
                "--device cuda: there is no GPU that LibTorch can use; valid: --device cpu, and nas-run doctor says what is there");
  return device;
}

std::optional<TaskData> load_data(const Json& request, const GivenNet& net) {
  if (!request.contains("data")) return std::nullopt;
  TaskData data = open_task_data(request.at("data"), request.at("target"));
  const std::vector<eval::Shape> shapes = eval::output_shapes(net.spec);
  if (shapes.front() != data.dataset->shape())
    throw Error(ErrorKind::invalid,
                fmt::format("the images are {}, the net takes {}", to_string(data.dataset->shape()), to_string(shapes.front())));
  if (!eval::is_unlabelled(request.at("data")) && shapes.back().channels != std::ssize(data.dataset->class_names()))
    throw Error(ErrorKind::invalid,
                fmt::format("the data have {} classes, the net {}", data.dataset->class_names().size(), shapes.back().channels));
  if (!eval::is_unlabelled(request.at("data"))) check_classes(data.dataset->class_names(), net.info.class_names);
  if (!request.at("data").value("mean", Json::array()).empty()) {
    if (request.contains("pixels"))
      throw Error(ErrorKind::usage, "--mean and --deviation stand beside data that say theirs; valid: one of the two");
    return data;
  }
  if (net.info.knows_pixels())
    data.normalisation = {net.info.mean, net.info.deviation};
  else
    fmt::print(
        stderr,
        "nas-run: {} does not say how the net takes pixels: mean {:.3g} and deviation {:.3g} are those of the images at hand; where it was "
        "trained with others say --mean and --deviation\n",
        request.at("weights").get<std::string>(), fmt::join(data.normalisation.mean, ","), fmt::join(data.normalisation.deviation, ","));
  return data;
}

Json check_weights(const Json& request) {
  const std::filesystem::path file = request.at("weights").get<std::string>();
  const eval::NetSpec spec = eval::net_spec_from_json(request.at("spec"));
  return {{"fresh_layer",
           starting_weights_of(file, spec, eval::initial_weights(spec, 1), request.value("insert_batch_norm", false)).fresh_layer}};
}

}  // namespace search
