// Time of scoring and cutting VGG16 (138 M parameters), beyond reading and writing it. usage: bench_cut [THREADS]; prints one JSON line.
#include <algorithm>
#include <chrono>
#include <iostream>

#include "eval/nets/registry.h"
#include "eval/precision.h"
#include "prune/criteria/criterion.h"
#include "prune/surgery.h"

namespace {

double seconds(const std::function<void()>& work) {
  double best = 1e9;
  for (int turn = 0; turn < 3; ++turn) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  eval::prepare_process(argc > 1 ? std::stoi(argv[1]) : 1);
  const eval::NetSpec spec = eval::make_net("vgg16", {});
  const eval::Net net(spec, eval::initial_weights(spec, 1));
  const prune::ChannelGroups groups = prune::channel_groups(spec);
  prune::AllocationBase base{eval::cost(spec), {}};
  for (const prune::ChannelGroup& group : groups.groups) base.channels.push_back(group.size);
  const prune::PruneRequest request{prune::PruneRequest::Kind::keep, 0.5, prune::Budget::channels};

  prune::Scores scores;
  const double score_s = seconds([&] { scores = prune::make_criterion("l1", storage::Json::object())->score({net, groups}).scores; });
  prune::Allocation allocation;
  const double allocate_s =
      seconds([&] { allocation = prune::allocate(spec, groups, scores, request, prune::AllocationMethod::uniform, {}, base); });
  const double greedy_s = seconds([&] {
    prune::allocate(spec, groups, scores, {prune::PruneRequest::Kind::keep, 0.3, prune::Budget::params}, prune::AllocationMethod::greedy,
                    {}, base);
  });
  const double cut_s = seconds([&] { prune::cut(spec, groups, net.weights(), allocation.mask); });
  std::cout << storage::Json{{"net", "vgg16"},
                             {"score_l1_s", score_s},
                             {"allocate_s", allocate_s},
                             {"allocate_greedy_s", greedy_s},
                             {"cut_s", cut_s}}
                   .dump()
            << "\n";
}
