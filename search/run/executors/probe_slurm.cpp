#include <fmt/format.h>
#include <poll.h>

#include <random>

#include "search/run/executors/background_command.h"
#include "search/run/executors/probe.h"
#include "search/run/executors/slurm_commands.h"
#include "search/run/executors/worker_log.h"
#include "search/run/machine.h"
#include "search/run/worker_folder.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/shell.h"
#include "storage/base/time.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;
using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPoll{2};
constexpr std::chrono::milliseconds kFolderPause{20};

Error problem(const std::string& text) {
  return {ErrorKind::environment, text};
}

/// A job with one worker; cancelled and its folder removed when the object dies.
class ProbeJob {
 public:
  ProbeJob(const SlurmRequest& request, const Slot& seat, const std::filesystem::path& workers)
      : name_(fmt::format("nas-doctor-{:08x}", std::random_device()())), pilot_(std::make_shared<Pilot>()) {
    pilot_->folder = workers / (name_ + ".0");
    storage::make_directory(pilot_->folder);
    Command command = sbatch(request, seat, workers, name_, 1, {});
    std::string& wrap = command.arguments.back();
    wrap.insert(wrap.find('=') + 1, fmt::format("{} --devices > {}/devices || exit 1\n", storage::shell_quoted(request.worker),
                                                storage::shell_quoted(pilot_->folder.string())));
    const BackgroundCommand::End end = BackgroundCommand(command, kSlurmCommandLimit).wait();
    if (!end.succeeded) {
      std::filesystem::remove_all(pilot_->folder);
      throw problem("sbatch: " + end.printed);
    }
    pilot_->allocation.job = job_id_from(end.printed);
  }
  ~ProbeJob() {
    try {
      BackgroundCommand(scancel({pilot_->allocation.job}), kSlurmCommandLimit).wait();
    } catch (const Error&) {  // it ends by itself
    }
    std::error_code ignored;
    std::filesystem::remove_all(pilot_->folder, ignored);
  }
  ProbeJob(const ProbeJob&) = delete;
  ProbeJob& operator=(const ProbeJob&) = delete;

  /// Until the channel says so. Returns the seconds that it took; throws where that is more than `patience`, or the job ends before.
  double wait_for(FolderChannel& channel, Link link, std::chrono::seconds patience) {
    const auto start = SteadyClock::now();
    for (auto looked = start - kPoll; SteadyClock::now() - start < patience; ::poll(nullptr, 0, static_cast<int>(kFolderPause.count()))) {
      std::vector<std::string> ignored;
      const Link now = channel.receive(ignored);
      if (now == link) return storage::seconds_since(start);
      if (now == Link::ended) throw problem(channel.end().text + "\n" + log_tail(log_path(pilot_->folder), 0));
      if (SteadyClock::now() - looked < kPoll) continue;
      looked = SteadyClock::now();
      look();
    }
    const bool runs = pilot_->allocation.state == Allocation::State::running;
    throw problem(fmt::format("a job {} for {} s; valid: {}", runs ? "runs, and says nothing" : "waits in the queue", patience.count(),
                              runs ? "a folder shared: that its node sees too" : "what the partition has room for"));
  }

  const Pilot& pilot() const { return *pilot_; }
  std::shared_ptr<Pilot> share() const { return pilot_; }

 private:
  void look() {
    const BackgroundCommand::End end = BackgroundCommand(squeue(), kSlurmCommandLimit).wait();
    const auto seen = allocations_from(end.printed, name_);
    if (seen.empty()) return;
    if (seen.begin()->second.state != pilot_->allocation.state) pilot_->since = SteadyClock::now();
    pilot_->allocation = seen.begin()->second;
  }

  std::string name_;
  std::shared_ptr<Pilot> pilot_;
};

}  // namespace

Probe probe_slurm(const Resources& resources, std::chrono::seconds patience) {
  if (resources.shared.empty()) throw problem("the experiment names no folder resources.shared");
  const std::filesystem::path workers = std::filesystem::absolute(resources.shared) / "doctor";
  ProbeJob job(resources.slurm, seats(resources).front(), workers);
  Probe probe;
  {
    FolderChannel channel(job.share(), std::chrono::seconds(resources.slurm.delay_s));
    probe.queued_s = job.wait_for(channel, Link::alive, patience);
    channel.stop(Channel::StopWorker::leave);
    probe.shared_s = job.wait_for(channel, Link::ended, patience);
  }
  probe.host = job.pilot().allocation.node;
  const std::optional<Json> devices = devices_from(storage::read_file(job.pilot().folder / "devices"));
  if (!devices) throw problem(fmt::format("{} --devices does not answer as a worker does", resources.slurm.worker));
  probe.devices = *devices;
  return probe;
}

}  // namespace search
