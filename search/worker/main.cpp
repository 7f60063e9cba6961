// nas-worker: runs stages for nas-run, which it hears through a ControllerLink.
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <torch/cuda.h>
#include <torch/version.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "eval/device.h"
#include "eval/onnx_runtime.h"
#include "eval/precision.h"
#include "search/run/controller_link.h"
#include "search/worker/requests/requests.h"
#include "search/worker/stages/stages.h"
#include "storage/base/error.h"

namespace search {

namespace {

/// Says from a thread of its own that this process runs, as long as a stage does.
class Heartbeat {
 public:
  explicit Heartbeat(ControllerLink& link) : link_(link), thread_([this](const std::stop_token& stop) { beat(stop); }) {}

 private:
  void beat(const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    while (!woken_.wait_for(lock, stop, alive_interval, [] { return false; }) && !stop.stop_requested()) {
      try {
        link_.say(Alive());
      } catch (const storage::Error&) {
        return;  // nobody listens: the stage's own thread will see it too
      }
    }
  }

  ControllerLink& link_;
  std::condition_variable_any woken_;
  std::jthread thread_;  // last: it uses the other
};

/// At most five progress events a second.
class ProgressReporter {
 public:
  ProgressReporter(ControllerLink& link, const StageRequest& request)
      : link_(link), fingerprint_(request.stage), attempt_(request.attempt) {}
  void operator()(double fraction, const std::string& message) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    link_.say(StageProgress{fingerprint_, attempt_, fraction, message});
  }

 private:
  ControllerLink& link_;
  std::string fingerprint_;
  int attempt_;
  std::chrono::steady_clock::time_point last_;
};

storage::StageOutcome run_beating(ControllerLink& link, StageKind kind, const StageContext& context) {
  const Heartbeat heartbeat(link);
  return run_stage(kind, context);
}

int serve(ControllerLink& link, const StopSignal& stop, torch::Device device, const storage::RunningPlace& place) {
  WarmCache cache;
  bool is_new = true;
  while (const std::optional<StageRequest> request = link.next()) {
    link.say(StageStarted{request->stage, request->attempt, place});
    if (std::exchange(is_new, false) && !eval::device_answers(device)) {  // where it hangs, silence tells, here and below
      const storage::StageOutcome outcome{.failure_kind = storage::failure::lost, .failure = "its GPU does not answer"};
      link.say(StageResult{request->stage, request->attempt, outcome, true});
      return 0;
    }
    const StageContext context{.fingerprint = request->stage,
                               .parameters = request->parameters,
                               .inputs = request->inputs,
                               .directory = request->directory,
                               .device = device,
                               .cache = cache,
                               .stop = stop.flag(),
                               .progress = ProgressReporter(link, *request)};
    storage::StageOutcome outcome = run_beating(link, request->kind, context);
    const bool is_gone = outcome.state == storage::StageState::failed && !eval::device_answers(device);
    if (is_gone) {  // another process may use it again: the next worker says so where it cannot
      outcome.failure_kind = storage::failure::lost;
      outcome.failure += "\nits GPU no longer answers";
    }
    link.say(StageResult{request->stage, request->attempt, outcome});
    if (is_gone) return 0;
  }
  return 0;
}

void die_with_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (parent > 0 && getppid() != parent) _exit(1);  // it died before the line above
}

int run_worker(int argc, char** argv) {
  CLI::App app{"Runs stages for nas-run, which starts it. Not for use by hand.", "nas-worker"};
  int threads = 1, events = 3;
  pid_t parent = 0;
  std::string device = "cpu";
  bool devices = false, runtimes = false, deterministic = false;
  std::filesystem::path copies;
  FolderOptions folder{.place = here()};
  app.add_option("--threads", threads, "threads of LibTorch's operators")->check(CLI::PositiveNumber);
  app.add_option("--device", device, "where tensors live")->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_flag("--deterministic", deterministic, "on a GPU, results that repeat in place of the fastest");
  app.add_option("--parent", parent, "process to die with");
  app.add_option("--events", events, "descriptor for events; 1: in place of what is printed")->check(CLI::IsMember({1, 3}));
  app.add_option("--copies", copies, "folder for artifacts where nas-run shares no disk with this machine");
  app.add_option("--folder", folder.folder, "through which nas-run is heard, in place of stdin and --events");
  app.add_option("--handle", folder.place.handle, "with --folder: by what name this worker is found where it runs");
  app.add_option("--until", folder.until, "with --folder: when it will be ended, in seconds since 1970; 0: not known");
  app.add_option("--notice", folder.notice, "with --folder: seconds before that end at which it takes no more stages");
  app.add_option("--idle", folder.idle, "with --folder: seconds without a request after which it leaves");
  app.add_flag("--devices", devices, "print what this build and this machine have, as JSON");
  app.add_flag("--runtimes", runtimes, "with --devices: also look for other runtimes of nets");
  CLI::App* request = app.add_subcommand("request", "answer one request about one net; JSON on stdin and stdout");
  CLI11_PARSE(app, argc, argv);

  if (devices) {
    Json about{{"cuda", torch::cuda::device_count()},
               {"libtorch", TORCH_VERSION},
               {"version", NAS_VERSION},
               {"cores", std::thread::hardware_concurrency()}};
    if (runtimes) about["onnxruntime"] = eval::onnx_runtime_version();
    std::cout << about.dump() << "\n";
    return 0;
  }
  if (parent > 0) die_with_parent(parent);
  if (request->parsed()) {
    const Json asked = Json::parse(std::cin);
    eval::prepare_process(threads, deterministic || asked.value("device", device) == "cpu");
    std::cout << answer_request(asked).dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
    return 0;
  }
  eval::prepare_process(threads, deterministic || device == "cpu");
  StopSignal stop;
  signal(SIGPIPE, SIG_IGN);
  const storage::RunningPlace place = folder.folder.empty() ? here() : folder.place;
  const std::unique_ptr<ControllerLink> link = !folder.folder.empty() ? make_folder_link(folder, stop)
                                               : copies.empty()       ? make_pipe_link(events, stop)
                                                                      : make_copying_link(events, copies, stop);
  return serve(*link, stop, device == "cuda" ? torch::kCUDA : torch::kCPU, place);
}

}  // namespace

}  // namespace search

int main(int argc, char** argv) {
  try {
    return search::run_worker(argc, argv);
  } catch (const storage::Error& error) {
    std::cerr << "nas-worker: error: " << error.what() << "\n";
    return storage::exit_code(error.kind());
  } catch (const std::exception& error) {
    std::cerr << "nas-worker: error: " << error.what() << "\n";
    return 1;
  }
}
