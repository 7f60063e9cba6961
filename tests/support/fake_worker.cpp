// A program that speaks the worker's protocol without doing any work: request.parameters.do says what happens; a
// real stage's request is answered with made-up results.
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "search/run/controller_link.h"

using Json = nlohmann::json;

namespace {

std::unique_ptr<search::ControllerLink> controller;
std::optional<search::StopSignal> stop;

void say(const search::WorkerMessage& message) {
  controller->say(message);
}

/// Until SIGTERM, or the word to stop; for so many milliseconds at most, -1: for ever. Whether it came.
bool wait_for_stop(int milliseconds) {
  pollfd signal{stop->descriptor(), POLLIN, 0};
  while (poll(&signal, 1, milliseconds) < 0 && errno == EINTR) continue;
  return stop->flag();
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
  } else if (order == "stop itself, then finish") {
    say(search::StageProgress{stage, here.attempt, 0, std::to_string(getpid())});
    kill(getpid(), SIGSTOP);
    usleep(900000);
    finish(here, "done", {});
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
    wait_for_stop(-1);
    if (order == "leave at SIGTERM") std::exit(0);
    finish(here, "interrupted", {});
  } else if (order == "die of SIGTERM") {
    signal(SIGTERM, SIG_DFL);
    say(search::StageProgress{stage, here.attempt, 0, "waiting"});
    while (true) pause();
  } else {
    std::cerr << "unknown order: " << order << std::endl;
    std::exit(5);
  }
}

/// A result like a real stage's, from the stage's fingerprint alone, after a few milliseconds, or FAKE_STAGE_MS; a failure of the kind of
/// stage that FAKE_FAILURE names. The file that FAKE_BEGUN names gets a line for each stage that is begun.
void pretend(const Json& request) {
  const std::string stage = request["stage"], kind = request["kind"];
  if (const char* begun = std::getenv("FAKE_BEGUN")) std::ofstream(begun, std::ios::app) << stage + "\n";
  const auto drawn = static_cast<int>(std::stoul(stage.substr(0, 6), nullptr, 16));
  const char* milliseconds = std::getenv("FAKE_STAGE_MS");
  if (wait_for_stop(milliseconds != nullptr ? std::atoi(milliseconds) : 10 + drawn % 40))
    return finish({stage, request["attempt"]}, "interrupted", {});
  if (kind == variable("FAKE_FAILURE")) return finish({stage, request["attempt"]}, "failed", {});
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
  if (argc >= 2 && std::string(argv[1]) == "--devices") {
    std::cout << R"({"cuda": 2, "cores": 2, "libtorch": "none", "version": "fake"})" << std::endl;
    return 0;
  }
  Json surroundings{{"arguments", std::vector<std::string>(argv + 1, argv + argc)}, {"pid", getpid()}, {"group", getpgrp()}};
  surroundings["descriptors"] = open_descriptors();
  for (const char* name : {"OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "CUDA_VISIBLE_DEVICES"})
    surroundings["environment"][name] = variable(name);
  std::map<std::string, std::string> given{{"--events", "3"}};
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  stop.emplace();
  try {
    search::FolderOptions folder{.folder = given["--folder"], .place = search::here()};
    if (given.contains("--handle")) folder.place.handle = given["--handle"];
    if (given.contains("--until")) folder.until = std::stoll(given["--until"]);
    if (given.contains("--notice")) folder.notice = std::chrono::seconds(std::stoi(given["--notice"]));
    if (given.contains("--idle")) folder.idle = std::chrono::seconds(std::stoi(given["--idle"]));
    controller =
        folder.folder.empty() ? search::make_pipe_link(std::stoi(given["--events"]), *stop) : search::make_folder_link(folder, *stop);
    while (const auto request = controller->next()) {
      const Json json = Json::parse(to_line(*request));
      if (!json["parameters"].contains("do")) say(search::StageStarted{request->stage, request->attempt, folder.place});
      if (json["parameters"].contains("do"))
        obey(json, surroundings);
      else
        pretend(json);
    }
    controller.reset();
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 4;
  }
}
