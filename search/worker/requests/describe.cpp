#include <fmt/format.h>

#include "eval/formats/weights_identity.h"
#include "search/worker/requests/requests.h"
#include "storage/base/error.h"

namespace search {

Json describe_net(const Json& request) {
  const GivenNet net = load_net(request);
  const std::filesystem::path file = request.at("weights").get<std::string>(), data = eval::onnx_data_file(file).filename();
  for (const std::string& other : net.external_files)
    if (other != data)
      throw storage::Error(storage::ErrorKind::invalid,
                           fmt::format("{}: tensors lie in '{}', of which a run would not notice a change; valid: in '{}', as PyTorch "
                                       "writes them, or in the model itself",
                                       file.string(), other, data.string()));
  return eval::to_json(net.spec);
}

}  // namespace search
