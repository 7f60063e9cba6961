// nas-worker: runs stages for nas-run. Requests come as JSON Lines on stdin, events go as JSON Lines to file descriptor 3.
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
#include <mutex>
#include <thread>

#include "eval/precision.h"
#include "search/run/protocol.h"
#include "search/worker/requests/requests.h"
#include "search/worker/stages/stages.h"
#include "storage/base/error.h"

namespace search {

namespace {

constexpr int kEvents = 3;

std::atomic<bool> stop_requested{false};  // set by the handler of SIGTERM

std::mutex writing;  // the stage's thread and the heartbeat take turns

void write_line(std::string line) {
  const std::lock_guard lock(writing);
  line += "\n";
  for (std::size_t written = 0; written < line.size();) {
    const ssize_t n = write(kEvents, line.data() + written, line.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw storage::Error(storage::ErrorKind::environment, "nas-run no longer listens");
    written += static_cast<std::size_t>(n);
  }
}

/// Says from a thread of its own that this process runs, as long as a stage does.
class Heartbeat {
 public:
  Heartbeat() : thread_([this](const std::stop_token& stop) { beat(stop); }) {}

 private:
  void beat(const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    while (!woken_.wait_for(lock, stop, alive_interval, [] { return false; }) && !stop.stop_requested()) {
      try {
        write_line(to_line(Alive()));
      } catch (const storage::Error&) {
        return;  // nobody listens: the stage's own thread will see it too
      }
    }
  }

  std::condition_variable_any woken_;
  std::jthread thread_;  // last: it uses the other
};

/// At most five progress events a second.
class ProgressReporter {
 public:
  ProgressReporter(std::string fingerprint, int attempt) : fingerprint_(std::move(fingerprint)), attempt_(attempt) {}
  void operator()(double fraction, const std::string& message) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    write_line(to_line(StageProgress{fingerprint_, attempt_, fraction, message}));
  }

 private:
  std::string fingerprint_;
  int attempt_;
  std::chrono::steady_clock::time_point last_;
};

int serve(torch::Device device) {
  WarmCache cache;
  for (std::string line; !stop_requested && std::getline(std::cin, line);) {
    const StageRequest request = request_from_line(line);
    const StageContext context{.fingerprint = request.stage,
                               .parameters = request.parameters,
                               .inputs = request.inputs,
                               .directory = request.directory,
                               .device = device,
                               .cache = cache,
                               .stop = stop_requested,
                               .progress = ProgressReporter(request.stage, request.attempt)};
    const Heartbeat heartbeat;
    write_line(to_line(StageResult{request.stage, request.attempt, run_stage(request.kind, context)}));
  }
  return 0;
}

void die_with_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (parent > 0 && getppid() != parent) _exit(1);  // it died before the line above
}

int run_worker(int argc, char** argv) {
  CLI::App app{"Runs stages for nas-run, which starts it. Not for use by hand.", "nas-worker"};
  int threads = 1;
  pid_t parent = 0;
  std::string device = "cpu";
  bool devices = false;
  app.add_option("--threads", threads, "threads of LibTorch's operators")->check(CLI::PositiveNumber);
  app.add_option("--device", device, "where tensors live")->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--parent", parent, "process to die with");
  app.add_flag("--devices", devices, "print the devices that this build can use, as JSON");
  CLI::App* request = app.add_subcommand("request", "answer one request about one net; JSON on stdin and stdout");
  CLI11_PARSE(app, argc, argv);

  if (devices) {
    std::cout << Json{{"cuda", torch::cuda::device_count()}, {"libtorch", TORCH_VERSION}}.dump() << "\n";
    return 0;
  }
  eval::prepare_process(threads);
  if (parent > 0) die_with_parent(parent);
  if (request->parsed()) {
    std::cout << answer_request(Json::parse(std::cin)).dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
    return 0;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { stop_requested = true; };  // no SA_RESTART: it also ends the wait for a request
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return serve(device == "cuda" ? torch::kCUDA : torch::kCPU);
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
