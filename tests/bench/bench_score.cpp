// Time of scoring 2,000 images, or the weights, by each criterion, against one Taylor pass over the same images, in turns in one run.
// usage: bench_score [THREADS]; prints a table.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "eval/data/dataset.h"
#include "eval/nets/registry.h"
#include "eval/precision.h"
#include "prune/criteria/catalog.h"
#include "prune/criteria/criterion.h"

namespace {

struct Case {
  std::string label, name;
  storage::Json options;
  std::vector<double> seconds = {};

  double median() const {
    std::vector<double> sorted = seconds;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
};

/// Taylor first, to which the others are compared; lda twice.
std::vector<Case> cases() {
  std::vector<Case> cases{{"taylor", "taylor", {{"images", 2000}}}};
  for (const prune::CriterionEntry& entry : prune::criterion_catalog()) {
    if (entry.name == "taylor" || entry.unstructured) continue;
    const storage::Json options = entry.needs_data() ? storage::Json{{"images", 2000}} : storage::Json::object();
    cases.push_back({entry.name, entry.name, options});
    if (entry.name != "lda") continue;
    cases.back().label += " paper";
    cases.push_back({"lda wilks", "lda", {{"variant", "wilks"}, {"images", 2000}}});
  }
  return cases;
}

}  // namespace

int main(int argc, char** argv) {
  eval::prepare_process(argc > 1 ? std::stoi(argv[1]) : 1);
  const auto data = eval::open_dataset({{"format", "idx"}, {"pad", 2}, {"train_images", 12000}, {"validation_images", 2000}});
  const eval::Normalisation normalisation = eval::measure_normalisation(*data);
  const eval::NetSpec spec = eval::make_net("vgg16_bn", {.width = 0.25, .classes = 10, .input = {1, 32, 32}});
  const eval::Net net(spec, eval::initial_weights(spec, 1));
  const prune::ChannelGroups groups = prune::channel_groups(spec);

  std::vector<Case> all = cases();
  for (int turn = 0; turn < 6; ++turn) {  // the first warms up
    for (Case& c : all) {
      const auto criterion =
          prune::make_criterion(c.name, storage::check_options(prune::criterion_entry(c.name).options, c.options, c.name));
      const auto start = std::chrono::steady_clock::now();
      criterion->score({net, groups, data.get(), normalisation, 1});
      if (turn > 0) c.seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  }
  fmt::print("{:<14} {:>9} {:>12}\n", "criterion", "median s", "over taylor");
  for (const Case& c : all) fmt::print("{:<14} {:>9.3f} {:>12.3f}\n", c.label, c.median(), c.median() / all.front().median());
}
