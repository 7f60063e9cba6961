#include <exception>
#include <new>

#include "search/worker/requests/requests.h"
#include "storage/base/error.h"

namespace search {

namespace {

struct Command {
  const char* name;
  Json (*run)(const Json& request);
};
const Command commands[] = {{"convert", convert_net},       {"describe", describe_net},      {"score", score_net},
                            {"prune", prune_net},           {"evaluate", evaluate_net},      {"speed", measure_speed},
                            {"matrices", measure_matrices}, {"check_weights", check_weights}};

Json failed(storage::ErrorKind kind, const std::string& message) {
  return {{"error", {{"kind", static_cast<int>(kind)}, {"message", message}}}};
}

}  // namespace

Json answer_request(const Json& request) {
  try {
    for (const Command& command : commands)
      if (request.at("command") == command.name) return {{"ok", command.run(request)}};
    return failed(storage::ErrorKind::internal, "unknown command");
  } catch (const storage::Error& error) {
    return failed(error.kind(), error.what());
  } catch (const std::bad_alloc&) {
    return failed(storage::ErrorKind::environment, "out of memory");
  } catch (const c10::Error& error) {
    return failed(storage::ErrorKind::internal, error.what_without_backtrace());
  } catch (const std::exception& error) {
    return failed(storage::ErrorKind::internal, error.what());
  }
}

}  // namespace search
