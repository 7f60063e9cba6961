#include "search/worker/requests/requests.h"

namespace search {

Json describe_net(const Json& request) {
  return eval::to_json(load_net(request).spec);
}

}  // namespace search
