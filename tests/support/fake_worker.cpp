// A program that speaks the worker's protocol without doing any work: request.parameters.do says what happens; a
// real stage's request is answered with made-up results.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "search/run/protocol.h"

using Json = nlohmann::json;

namespace {

void say(const search::WorkerMessage& message) {
  const std::string line = to_line(message) + "\n";
  if (write(3, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::exit(4);
}

/// At which stage.
struct Attempt {
  std::string stage;
  int attempt;
};

void finish(const Attempt& of, const std::string& state, const Json& values) {
  storage::StageOutcome outcome;
  outcome.state = storage::stage_state_from_string(state);
  outcome.wall_s = 0.25;
  outcome.values = values;
  say(search::StageResult{of.stage, of.attempt, outcome});
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "(unset)" : value;
}

/// The descriptors that were open when this program started.
std::set<std::string> open_descriptors() {
  std::set<std::string> open;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    if (std::filesystem::exists(std::filesystem::symlink_status(entry))) open.insert(entry.path().filename());
  std::erase_if(open, [](const std::string& number) {  // the listing's own
    return !std::filesystem::exists(std::filesystem::symlink_status("/proc/self/fd/" + number));
  });
  return open;
}

[[noreturn]] void die() {
  std::cerr << "about to die" << std::endl;
  kill(getpid(), SIGKILL);
  std::abort();
}

void obey(const Json& request, const Json& surroundings) {
  const std::string order = request["parameters"]["do"];
  const std::string stage = request["stage"];
  const Attempt here{stage, request["attempt"]};
  const std::filesystem::path marker = std::filesystem::path(std::string(request["directory"])) / (stage + ".marker");
  if (order == "finish") {
    say(search::StageProgress{stage, here.attempt, 0.5, "halfway"});
    finish(here, "done", {{"request", request}, {"surroundings", surroundings}});
  } else if ((order == "kill itself once" || order == "leave once") && std::filesystem::exists(marker)) {
    finish(here, "done", {});
  } else if (order == "leave" || order == "leave once") {
    std::ofstream(marker) << "here";
    std::exit(0);
  } else if (order == "kill itself" || order == "kill itself once") {
    std::ofstream(marker) << "here";
    die();
  } else if (order == "exit") {
    std::exit(3);
  } else if (order == "hide from kill") {  // leaves the group that is killed, as good as a process that the kernel does not let die
    if (setpgid(0, getpgid(getppid())) != 0) std::exit(6);
    say(search::StageProgress{stage, here.attempt, 0, std::to_string(getpid())});
    while (true) pause();
  } else if (order == "stop itself") {
    kill(getpid(), SIGSTOP);
  } else if (order == "stay alive") {
    for (int beat = 0; beat < 10; ++beat) {
      say(search::Alive());
      usleep(300000);
    }
    finish(here, "done", {});
  } else if (order == "write garbage") {
    if (write(3, "no event\n", 9) != 9) std::exit(4);
    pause();
  } else if (order == "answer for another") {
    finish({"another", 1}, "done", {});
    pause();
  } else if (order == "answer for an earlier attempt first") {
    say(search::StageProgress{stage, here.attempt - 1, 0.9, "late"});
    finish({stage, here.attempt - 1}, "failed", {});
    finish(here, "done", {});
  } else if (order == "finish and exit") {
    finish(here, "done", {});
    std::exit(0);
  } else if (order == "wait for SIGTERM" || order == "leave at SIGTERM") {
    say(search::StageProgress{stage, here.attempt, 0, "waiting"});
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    int signal = 0;
    sigwait(&wanted, &signal);
    if (order == "leave at SIGTERM") std::exit(0);
    finish(here, "interrupted", {});
  } else if (order == "die of SIGTERM") {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &wanted, nullptr);
    say(search::StageProgress{stage, here.attempt, 0, "waiting"});
    while (true) pause();
  } else {
    std::cerr << "unknown order: " << order << std::endl;
    std::exit(5);
  }
}

/// A result like a real stage's, from the stage's fingerprint alone, after a few milliseconds.
void pretend(const Json& request) {
  const std::string stage = request["stage"], kind = request["kind"];
  const auto drawn = static_cast<int>(std::stoul(stage.substr(0, 6), nullptr, 16));
  usleep(static_cast<useconds_t>(10000 + drawn % 40000));
  storage::StageOutcome outcome;
  outcome.state = storage::StageState::done;
  outcome.wall_s = 0.01;
  outcome.values = Json::object();
  const double accuracy = drawn % 1000 / 1000.0;
  if (kind == "probe") outcome.values["precision"] = "fp32";
  if (kind == "evaluate") outcome.metrics.push_back({"test", "accuracy", accuracy, {}});
  if (kind == "train" || kind == "prune") {
    outcome.architecture = storage::ArchitectureRecord{"net of " + stage, Json::object(), "", nullptr, drawn, drawn};
    outcome.metrics.push_back({"val", "accuracy", accuracy, {}});
  }
  say(search::StageResult{stage, request["attempt"], outcome});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--devices") {
    std::cout << R"({"cuda": 2})" << std::endl;
    return 0;
  }
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, SIGTERM);
  sigprocmask(SIG_BLOCK, &held, nullptr);
  Json surroundings{{"arguments", std::vector<std::string>(argv + 1, argv + argc)}, {"pid", getpid()}, {"group", getpgrp()}};
  surroundings["descriptors"] = open_descriptors();
  for (const char* name : {"OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "CUDA_VISIBLE_DEVICES"})
    surroundings["environment"][name] = variable(name);
  for (std::string line; std::getline(std::cin, line);) {
    const Json request = Json::parse(line);
    if (request["parameters"].contains("do"))
      obey(request, surroundings);
    else
      pretend(request);
  }
}
