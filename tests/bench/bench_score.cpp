// Time of scoring 2,000 images by each criterion, against one Taylor pass over the same images, in turns in one run.
// usage: bench_score [THREADS]; prints one JSON line a criterion.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <vector>

#include "eval/data/dataset.h"
#include "eval/nets/registry.h"
#include "eval/precision.h"
#include "prune/criteria/catalog.h"
#include "prune/criteria/criterion.h"

int main(int argc, char** argv) {
  eval::prepare_process(argc > 1 ? std::stoi(argv[1]) : 1);
  const auto data = eval::open_dataset({{"format", "idx"}, {"pad", 2}, {"train_images", 12000}, {"validation_images", 2000}});
  const eval::Normalisation normalisation = eval::measure_normalisation(*data);
  const eval::NetSpec spec = eval::make_net("vgg16_bn", {.width = 0.25, .classes = 10, .input = {1, 32, 32}});
  const eval::Net net(spec, eval::initial_weights(spec, 1));
  const prune::ChannelGroups groups = prune::channel_groups(spec);

  struct Case {
    std::string label, name;
    storage::Json options;
    std::vector<double> seconds = {};
  };
  std::vector<Case> cases{{"taylor", "taylor", {{"images", 2000}}},
                          {"lda paper", "lda", {{"variant", "paper"}, {"images", 2000}}},
                          {"lda wilks", "lda", {{"variant", "wilks"}, {"images", 2000}}}};
  for (int turn = 0; turn < 6; ++turn) {
    for (Case& c : cases) {
      const auto criterion =
          prune::make_criterion(c.name, storage::check_options(prune::criterion_entry(c.name).options, c.options, c.name));
      const auto start = std::chrono::steady_clock::now();
      criterion->score({net, groups, data.get(), normalisation, 1});
      if (turn > 0) c.seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  }
  for (Case& c : cases) std::sort(c.seconds.begin(), c.seconds.end());
  for (const Case& c : cases)
    std::cout
        << storage::Json{{"criterion", c.label}, {"median_s", c.seconds[2]}, {"over_taylor", c.seconds[2] / cases[0].seconds[2]}}.dump()
        << "\n";
}
