#include "search/run/executors/slurm.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <random>
#include <utility>

#include "search/run/executors/background_command.h"
#include "search/run/executors/node_record.h"
#include "search/run/executors/shared_results.h"
#include "search/run/executors/slurm_commands.h"
#include "search/run/executors/worker_log.h"
#include "search/run/executors/worker_pool.h"
#include "search/run/worker_folder.h"
#include "storage/base/error.h"
#include "storage/base/file.h"
#include "storage/base/fingerprint.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;
using SteadyClock = std::chrono::steady_clock;
using State = Allocation::State;
using Pilots = std::vector<std::shared_ptr<Pilot>>;

constexpr std::chrono::seconds kLongestPause{600};
constexpr int kLargestArray = 1000;                   ///< Slurm's default MaxArraySize; where less is allowed, less is asked for
constexpr int kMostBadStarts = 3;                     ///< workers one after the other that never said a word
constexpr std::chrono::milliseconds kListPause{500};  ///< between two tries to list the folders

/// When to do something again: sooner after it went well.
struct Pace {
  std::chrono::seconds shortest;
  std::chrono::seconds pause = shortest;
  SteadyClock::time_point next = {};

  void went(bool well) {
    next = SteadyClock::now() + (well ? shortest : pause);
    pause = well ? shortest : std::min(2 * pause, kLongestPause);
  }
  bool is_due() const { return SteadyClock::now() >= next; }
};

class SlurmLauncher : public Launcher {
 public:
  SlurmLauncher(SlurmRequest request, Slot seat, std::filesystem::path workers, std::string prefix)
      : request_(std::move(request)), seat_(std::move(seat)), workers_(std::move(workers)), prefix_(std::move(prefix)) {}

  /// What waits in the queue, or was killed, is cancelled. The folders of pilots that are told to leave, and do, are removed.
  ~SlurmLauncher() override {
    const auto quietly = [](const auto& act) {
      try {
        act();
      } catch (const Error&) {  // Slurm is away: workers without stages leave by themselves
      }
    };
    if (command_) quietly([this] { finish_(command_->wait()); });  // a job may be on its way
    for (const auto& pilot : pilots_) pilot->cancel = pilot->cancel || !pilot->ready;
    if (const auto jobs = take_cancelled(); !jobs.empty()) quietly([&] { BackgroundCommand(scancel(jobs), kSlurmCommandLimit).wait(); });
    for (const std::string& name : unanswered_) quietly([&] { BackgroundCommand(scancel({"--name=" + name}), kSlurmCommandLimit).wait(); });
    for (const auto& pilot : pilots_)
      if (pilot->left || pilot->cancel) remove(*pilot);
  }

  std::unique_ptr<Channel> launch(int) override {
    pilots_.push_back(std::make_shared<Pilot>());
    return std::make_unique<FolderChannel>(pilots_.back(), delay());
  }

  std::vector<FoundWorker> find() override {
    try {
      return find_pilots();
    } catch (...) {  // what is not taken over goes on, and the next nas-run finds it
      pilots_.clear();
      strays_.clear();
      throw;
    }
  }

  std::vector<std::string> attend() override {
    if (std::optional<BackgroundCommand::End> end; command_ && (end = command_->poll())) {
      command_.reset();
      finish_(*end);
    }
    for (const auto& pilot : pilots_) {
      if (!pilot->allocation.node.empty() || pilot->released)  // else the queue will say where it was
        for (const StageEnd& end : std::exchange(pilot->ends, {})) note(nodes_.ended(pilot->allocation.node, end));
      if (pilot->ready) bad_starts_ = 0;
      if (std::exchange(pilot->bad_start, false)) take_bad_start(*pilot);
    }
    forget();
    if (!command_) cancel();
    if (!command_) ask_for_jobs();
    if (!command_) look();
    return std::exchange(notes_, {});
  }

 private:
  std::chrono::seconds delay() const { return std::chrono::seconds(request_.delay_s); }

  /// The folders of this run's pilots, in order. Throws Error(environment) where they cannot be listed for long.
  std::vector<std::filesystem::path> list_folders() const {
    for (const auto begin = SteadyClock::now();; ::poll(nullptr, 0, static_cast<int>(kListPause.count()))) {
      std::vector<std::filesystem::path> folders;
      std::error_code failure;
      for (std::filesystem::directory_iterator entry(workers_, failure); !failure && entry != std::filesystem::directory_iterator();
           entry.increment(failure))
        if (entry->path().filename().string().starts_with(prefix_)) folders.push_back(entry->path());
      std::sort(folders.begin(), folders.end());
      if (!failure) return folders;
      if (SteadyClock::now() - begin >= folder_patience)
        throw Error(ErrorKind::environment, fmt::format("cannot list {}: {}", workers_.string(), failure.message()));
    }
  }

  std::vector<FoundWorker> find_pilots() {
    std::vector<FoundWorker> found;
    for (const std::filesystem::path& folder : list_folders()) {
      pilots_.push_back(std::make_shared<Pilot>());
      pilots_.back()->folder = folder;
    }
    const BackgroundCommand::End answer = BackgroundCommand(squeue(), kSlurmCommandLimit).wait();
    if (answer.succeeded) take_allocations(answer.printed);
    for (const auto& pilot : pilots_) {
      std::optional<FoundWorker> worker = FolderChannel::find(pilot, delay());
      const bool may_live = !answer.succeeded || pilot->allocation.state == State::waiting || pilot->allocation.state == State::running;
      if (worker && (may_live || !worker->stage.empty()))
        found.push_back(std::move(*worker));
      else
        pilot->released = true;
    }
    return found;
  }

  void note(std::string text) {
    if (!text.empty()) notes_.push_back("slurm: " + std::move(text));
  }

  void begin(const Command& command, std::function<void(const BackgroundCommand::End&)> finish) {
    command_ = std::make_unique<BackgroundCommand>(command, kSlurmCommandLimit);
    finish_ = std::move(finish);
  }

  /// Pilots that are gone, and whose channel is: what they said is recorded by now.
  void forget() {
    std::erase_if(pilots_, [this](const std::shared_ptr<Pilot>& pilot) {
      const Allocation& allocation = pilot->allocation;
      const bool is_to_be_cancelled = pilot->cancel && !allocation.job.empty() && !cancelled_.contains(allocation.job);
      const bool is_gone = pilot->left || pilot->folder.empty() || allocation.state == State::ended ||
                           (allocation.state == State::unknown && !is_to_be_cancelled);
      if (!pilot->released || !is_gone) return false;
      remove(*pilot);
      return true;
    });
  }

  /// A job that ended, or runs, and its worker has never said a word.
  void take_bad_start(const Pilot& pilot) {
    const bool is_silent = pilot.allocation.state == State::running;
    const std::string text = is_silent ? fmt::format("the worker's job on node {} says nothing", pilot.allocation.node)
                                       : pilot.allocation.end.text + "\n" + log_tail(log_path(pilot.folder), 0);
    const std::string excluded =
        is_silent ? nodes_.never_started(pilot.allocation.node) : nodes_.ended(pilot.allocation.node, {pilot.folder.filename(), true, 0});
    note(excluded);
    if (!excluded.empty()) bad_starts_ = 0;  // it was that node's fault, perhaps
    if (++bad_starts_ >= kMostBadStarts)
      throw Error(ErrorKind::environment,
                  fmt::format("executor slurm: {} workers one after the other ended before they had said a word; the last: {}; valid: "
                              "slurm: {{worker: PROGRAM}} and shared: FOLDER as the nodes have them",
                              bad_starts_, text));
    note("a worker never started: " + text);
  }

  static void remove(const Pilot& pilot) {
    std::error_code ignored;  // a worker that was killed may still write there: the next nas-run finds it
    if (!pilot.folder.empty()) std::filesystem::remove_all(pilot.folder, ignored);
  }

  /// Their jobs are not asked for after all.
  static void remove_folders(const Pilots& pilots) {
    for (const auto& pilot : pilots) {
      remove(*pilot);
      pilot->folder.clear();
    }
  }

  /// Ids of jobs that are to be cancelled and are not yet.
  std::vector<std::string> take_cancelled() {
    std::vector<std::string> jobs = std::exchange(strays_, {});
    for (const auto& pilot : pilots_)
      if (pilot->cancel && !pilot->allocation.job.empty() && pilot->allocation.state != State::ended &&
          cancelled_.insert(pilot->allocation.job).second)
        jobs.push_back(pilot->allocation.job);
    return jobs;
  }

  void cancel() {
    const std::vector<std::string> jobs = take_cancelled();
    if (jobs.empty()) return;
    begin(scancel(jobs), [this, jobs](const BackgroundCommand::End& end) {
      if (end.succeeded) return;
      for (const std::string& job : jobs) cancelled_.erase(job);
      note("scancel: " + end.printed);
    });
  }

  /// Asks for all jobs that are wanted in one array, or for fewer where Slurm refused as many. Their folders are there before: a nas-run
  /// that dies now finds the jobs again by their name.
  void ask_for_jobs() {
    if (!submissions_.is_due()) return;
    Pilots wanted;
    for (const auto& pilot : pilots_)
      if (pilot->folder.empty() && !pilot->released && static_cast<int>(wanted.size()) < largest_) wanted.push_back(pilot);
    if (wanted.empty()) return failing_since_.reset();
    const std::string name = fmt::format("{}{:08x}", prefix_, std::random_device()());
    try {
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        wanted[i]->folder = workers_ / fmt::format("{}.{}", name, i);
        storage::make_directory(wanted[i]->folder);
      }
    } catch (const Error& error) {
      return postpone(wanted, error);
    }
    failing_since_.reset();
    const Command command = sbatch(request_, seat_, workers_, name, static_cast<int>(wanted.size()), nodes_.excluded());
    begin(command, [this, wanted](const BackgroundCommand::End& end) { take_submission(wanted, end); });
  }

  /// Their folders cannot be made: a shared folder that fails for a moment is tried again. Throws `error` where it has failed for long.
  void postpone(const Pilots& wanted, const Error& error) {
    if (!failing_since_) {
      failing_since_ = SteadyClock::now();
      submissions_ = Pace{submissions_.shortest};
    }
    if (SteadyClock::now() - *failing_since_ >= folder_patience) throw Error(error);
    remove_folders(wanted);
    submissions_.went(false);
    note(error.what());
  }

  void take_submission(const Pilots& asked, const BackgroundCommand::End& end) {
    const std::string id = job_id_from(end.printed);
    for (const auto& pilot : asked) pilot->since = SteadyClock::now();
    if (end.succeeded && !id.empty()) {
      for (std::size_t i = 0; i < asked.size(); ++i) asked[i]->allocation.job = fmt::format("{}_{}", id, i);
      largest_ = std::min(2 * largest_, kLargestArray);
      return submissions_.went(true);
    }
    submissions_.went(false);
    // Slurm may have taken the jobs, and only its answer is lost: the queue will say.
    constexpr std::array unanswered{"Unable to contact", "timed out", "temporarily unable"};
    if (end.timed_out || std::any_of(unanswered.begin(), unanswered.end(),
                                     [&](const char* words) { return end.printed.find(words) != std::string::npos; })) {
      unanswered_.push_back(asked.front()->folder.stem());
      return note("sbatch: " + end.printed);
    }
    remove_folders(asked);
    const bool has_others = std::any_of(pilots_.begin(), pilots_.end(), [](const auto& pilot) { return !pilot->folder.empty(); });
    if (asked.size() == 1 && !has_others)
      throw Error(ErrorKind::environment,
                  fmt::format("executor slurm: sbatch refuses a job (nodes excluded: {}): {}",
                              nodes_.excluded().empty() ? "none" : fmt::format("{}", fmt::join(nodes_.excluded(), ", ")), end.printed));
    if (asked.size() > 1) submissions_ = Pace{submissions_.shortest};  // at once
    largest_ = std::max(1, static_cast<int>(asked.size()) / 2);
    note(fmt::format("sbatch refuses {} jobs: {}", asked.size(), end.printed));
  }

  /// One question for all jobs. One that takes long, or fails, is not repeated soon.
  void look() {
    const bool has_jobs = std::any_of(pilots_.begin(), pilots_.end(), [](const auto& pilot) { return !pilot->folder.empty(); });
    if (!has_jobs || !looks_.is_due()) return;
    begin(squeue(), [this](const BackgroundCommand::End& end) {
      looks_.went(end.succeeded);
      if (end.succeeded) return take_allocations(end.printed);
      note("squeue: " + end.printed);
    });
  }

  void take_allocations(const std::string& printed) {
    std::map<std::string, Allocation> seen = allocations_from(printed, prefix_);
    for (const auto& pilot : pilots_) {
      if (pilot->folder.empty()) continue;
      const auto found = seen.find(pilot->folder.filename());
      Allocation now = pilot->allocation;
      if (found != seen.end()) {
        now = std::move(found->second);
        seen.erase(found);
      } else if (now.state != State::ended) {
        now.state = State::unknown;
      }
      if (now.state != pilot->allocation.state) pilot->since = SteadyClock::now();
      pilot->allocation = std::move(now);
    }
    for (const auto& [name, allocation] : seen)  // of a run whose folders are gone
      if (allocation.state != State::ended && cancelled_.insert(allocation.job).second) strays_.push_back(allocation.job);
  }

  SlurmRequest request_;
  Slot seat_;
  std::filesystem::path workers_;  ///< their folders
  std::string prefix_;             ///< of the names of this run's jobs
  Pilots pilots_;
  NodeRecord nodes_;
  std::unique_ptr<BackgroundCommand> command_;  ///< under way: one at a time
  std::function<void(const BackgroundCommand::End&)> finish_;
  Pace looks_{std::chrono::seconds(request_.poll_s)}, submissions_{std::chrono::seconds(1)};
  std::optional<SteadyClock::time_point> failing_since_;  ///< to make folders
  int largest_ = kLargestArray;                           ///< array
  int bad_starts_ = 0;                                    ///< one after the other
  std::set<std::string> cancelled_;                       ///< jobs
  std::vector<std::string> strays_;                       ///< jobs that no pilot has
  std::vector<std::string> unanswered_;                   ///< names of jobs that may be in the queue
  std::vector<std::string> notes_;
};

/// Throws Error(environment) where Slurm has no commands here.
void require_slurm() {
  try {
    BackgroundCommand({.program = "squeue", .arguments = {"--version"}, .environment = {}}, kSlurmCommandLimit).wait();
  } catch (const Error&) {
    throw Error(ErrorKind::environment,
                "executor slurm: squeue cannot be started; valid: a machine on which sbatch, squeue and scancel reach Slurm");
  }
}

}  // namespace

std::unique_ptr<Executor> make_slurm_executor(const Resources& resources, ProcessOptions options) {
  require_slurm();
  const std::filesystem::path results = shared_results(options.directory, resources.shared);
  const std::filesystem::path workers = results / "workers";
  storage::make_directory(workers);
  const std::string prefix =
      fmt::format("nas-{}-", storage::sha256(std::filesystem::absolute(options.directory).string() + "\n" + results.string()).substr(0, 8));
  PoolOptions pool{.slots = options.slots, .directory = results.string(), .interchangeable = true};
  pool.heartbeat_timeout = options.heartbeat_timeout;
  if (pool.heartbeat_timeout.count() > 0) pool.heartbeat_timeout += std::chrono::seconds(resources.slurm.delay_s);
  return make_worker_pool(std::move(pool), std::make_unique<SlurmLauncher>(resources.slurm, options.slots.front(), workers, prefix));
}

}  // namespace search
