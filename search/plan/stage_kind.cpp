#include "search/plan/stage_kind.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/base/error.h"
#include "storage/base/named.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

const std::vector<StageTraits>& all_traits() {
  static const std::vector<StageTraits> traits{
      {.kind = StageKind::probe, .name = "probe", .parameters = {"batch", "data", "net"}},
      {.kind = StageKind::latency_table, .name = "latency_table", .parameters = {"batch", "classes", "input", "net"}, .exclusive = true},
      {.kind = StageKind::train, .name = "train", .parameters = {"data", "net", "seed", "train"}},
      {.kind = StageKind::candidates,
       .name = "candidates",
       .parameters = {"allocation", "candidates", "criterion", "data", "images", "judge", "limits", "request", "seed"},
       .optional = {"refit"}},
      {.kind = StageKind::prune,
       .name = "prune",
       .parameters = {"allocation", "criterion", "data", "limits", "request", "retrain", "seed"},
       .optional = {"at_most_ms", "candidate", "lr_start", "refit", "substeps"},
       .derives = true},
      {.kind = StageKind::extend, .name = "extend", .parameters = {"data", "from", "seed", "train"}, .derives = true, .keeps_layers = true},
      {.kind = StageKind::transfer, .name = "transfer", .parameters = {"data", "seed", "train"}, .keeps_layers = true},
      {.kind = StageKind::scratch, .name = "scratch", .parameters = {"data", "seed", "train"}, .optional = {"spent"}},
      {.kind = StageKind::evaluate, .name = "evaluate", .parameters = {"data", "split"}},
      {.kind = StageKind::latency, .name = "latency", .parameters = {"batch", "seconds"}, .optional = {"runtime"}, .exclusive = true},
      {.kind = StageKind::robustness, .name = "robustness", .parameters = {"data", "images", "perturbations", "seed"}},
  };
  return traits;
}

}  // namespace

const StageTraits& traits_of(StageKind kind) {
  return all_traits().at(static_cast<std::size_t>(kind));
}

std::string to_string(StageKind kind) {
  return traits_of(kind).name;
}

StageKind stage_kind_from_string(const std::string& text) {
  return storage::find_named(all_traits(), text, "stage kind", &StageTraits::name).kind;
}

void check_parameters(StageKind kind, const storage::Json& parameters) {
  const std::string& name = traits_of(kind).name;
  std::vector<std::string> known = traits_of(kind).parameters;
  for (const std::string& key : known)
    if (!parameters.contains(key)) throw Error(ErrorKind::invalid, fmt::format("a stage {} lacks the parameter '{}'", name, key));
  known.insert(known.end(), traits_of(kind).optional.begin(), traits_of(kind).optional.end());
  for (const auto& [key, value] : parameters.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw Error(ErrorKind::invalid, fmt::format("a stage {} reads no parameter '{}'{}", name, key, storage::suggestion(key, known)));
}

bool brings_artifacts(const std::string& role) {
  return role != "widths" && role != "shape" && role != "earlier" && role != "table" && !role.starts_with("spent");
}

}  // namespace search
