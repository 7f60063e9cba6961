// What the orchestrator itself costs: stages a second through the run loop with durable records and an executor that only counts time, and
// planning a large sweep. Beside it how fast this disk syncs a page. Prints JSON lines.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <iostream>

#include "search/plan/stage_graph.h"
#include "search/run/run.h"
#include "tests/support/simulated_executor.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_search_data.h"

namespace {

using search::Json;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

class Silent : public search::RunObserver {
 public:
  void planned(const search::Plan&, const std::vector<bool>&) override {}
  void progressed(const search::Stage&, double, const std::string&) override {}
  void finished(const search::Stage&, const storage::StageOutcome&, bool) override {}
  void noted(const std::string&) override {}
};

/// A sweep of four criteria and three schedules of four cuts: 98 stages a seed and net.
search::Experiment sweep(const std::filesystem::path& data, int seeds) {
  search::Experiment experiment;
  experiment.name = "bench";
  experiment.tasks = {{"fashion", "tiny", ""}};
  experiment.data["tiny"] = support::tiny_data(data);
  experiment.nets = {{.name = "vgg11_bn", .width = 0.125}};
  experiment.train = experiment.retrain = {.epochs = 10, .precision = "fp32"};
  experiment.allocation = {{"floor", 0.1}};
  experiment.seeds = seeds;
  for (const char* name : {"lda", "l1", "taylor", "random"}) experiment.criteria.push_back({name, name, Json::object(), "greedy", ""});
  for (int s = 0; s < 3; ++s) {
    search::Schedule schedule{"s" + std::to_string(s), {}};
    for (int step = 1; step <= 4; ++step)
      schedule.steps.push_back({prune::PruneRequest::Kind::keep, 0.9 - 0.2 * step + 0.03 * s, prune::Budget::macs});
    experiment.schedules.push_back(std::move(schedule));
  }
  return experiment;
}

void print(const Json& line) {
  std::cout << line.dump() << std::endl;
}

void probe_disk(const std::filesystem::path& directory) {
  const std::string page(4096, 'x');
  const int file = open((directory / "probe").c_str(), O_WRONLY | O_CREAT, 0600);
  const auto start = Clock::now();
  int syncs = 0;
  for (; since(start) < 1 && file >= 0; ++syncs)
    if (pwrite(file, page.data(), page.size(), 0) < 0 || fsync(file) != 0) break;
  close(file);
  print({{"what", "fsync of one page"}, {"per_s", syncs / since(start)}});
}

void run_stages(const search::Experiment& experiment, int slots) {
  const support::TemporaryDirectory directory;
  storage::Repository repository(directory.path(), storage::Repository::Access::write);
  const auto sweep = search::make_strategy("sweep");
  search::SimulatedExecutor executor(slots, [](const search::Job& job) { return 1.0 + static_cast<double>(job.fingerprint[0] % 7); });
  const search::StopRequest stop;
  Silent silent;
  const auto start = Clock::now();
  const search::RunSummary summary = search::run(experiment, *sweep, repository, executor, {}, stop, silent);
  const double seconds = since(start);
  print({{"what", "run"},
         {"stages", summary.executed},
         {"slots", slots},
         {"s", seconds},
         {"stages_per_s", summary.executed / seconds},
         {"slots_used", executor.share_used()},
         {"peak_mib", peak_mib()}});
}

}  // namespace

int main() {
  const support::TemporaryDirectory data;
  probe_disk(data.path());
  run_stages(sweep(data.path(), 103), 8);
  {
    const auto start = Clock::now();
    const search::Plan plan = search::make_strategy("sweep")->next(sweep(data.path(), 1021), {});
    const double planned = since(start);
    const search::StageGraph graph(plan.stages);
    print({{"what", "plan"},
           {"stages", plan.stages.size()},
           {"plan_s", planned},
           {"graph_s", since(start) - planned},
           {"peak_mib", peak_mib()}});
  }
  run_stages(sweep(data.path(), 1021), 1000);
}
