#include <fmt/format.h>

#include <algorithm>

#include "prune/criteria/catalog.h"
#include "prune/criteria/members.h"
#include "storage/base/error.h"

namespace prune {

namespace {

std::unique_ptr<Criterion> make_lda(const storage::Json& options) {
  return options.at("variant") == "wilks" ? make_lda_wilks(options) : make_lda_paper(options);
}

struct Row {
  const char* name;
  std::unique_ptr<Criterion> (*make)(const storage::Json& options);
};

const Row rows[] = {{"lda", make_lda},   {"taylor", make_taylor}, {"taylor_weight", make_taylor_weight}, {"fisher", make_fisher},
                    {"l1", make_l1},     {"l2", make_l2},         {"bn_scale", make_bn_scale},           {"fpgm", make_fpgm},
                    {"lamp", make_lamp}, {"apoz", make_apoz},     {"reconstruct", make_reconstruct},     {"random", make_random}};

}  // namespace

std::unique_ptr<Criterion> make_criterion(const std::string& name, const storage::Json& options) {
  const CriterionEntry& entry = criterion_entry(name);
  if (entry.unstructured)
    throw storage::Error(
        storage::ErrorKind::invalid,
        fmt::format("criterion {} takes single weights and scores no channels; valid: a request 'keep', as in keep: 0.5", name));
  const auto row = std::find_if(std::begin(rows), std::end(rows), [&](const Row& r) { return entry.name == r.name; });
  if (row == std::end(rows)) throw storage::Error(storage::ErrorKind::internal, "criterion " + name + " is in the catalog only");
  return row->make(options);
}

}  // namespace prune
