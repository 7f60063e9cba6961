#include "search/run/executors/slurm_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <sstream>

#include "search/run/executors/worker_command.h"
#include "storage/base/shell.h"

namespace search {

namespace {

using State = Allocation::State;
using How = WorkerEnd::How;

/// Waiting for a node, or for its boot; those of jobs that run or are about to have ended.
const std::set<std::string> waiting{"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"};
const std::set<std::string> running{"RUNNING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED"};

/// `status` is the batch script's as wait() gives it. What else ends a job (TIMEOUT, PREEMPTED, NODE_FAIL, CANCELLED) is not the stage's
/// doing.
WorkerEnd end_from(const std::string& state, const std::string& status, const std::string& node) {
  const std::string text = fmt::format("the worker's job on node {} is {}", node, state);
  if (state == "COMPLETED") return {How::left, text, ""};
  if (state == "OUT_OF_MEMORY") return {How::out_of_memory, text, ""};
  if (state != "FAILED") return {How::preempted, text, ""};
  const int code = std::atoi(status.c_str());
  if (code == SIGKILL) return {How::lost, text + ", killed by signal 9", ""};
  return {How::crashed, fmt::format("{}, {} {}", text, code < 256 ? "killed by signal" : "exit code", code < 256 ? code : code / 256), ""};
}

}  // namespace

Command sbatch(const SlurmRequest& request, const Slot& seat, const std::filesystem::path& workers, const std::string& name, int count,
               const std::set<std::string>& excluded) {
  const std::string folder = (workers / name).string();
  Command command{.program = "sbatch", .arguments = {"--parsable", "--no-requeue", "--ntasks=1"}, .environment = {}};
  const auto ask = [&](const char* option, const std::string& value) {
    if (!value.empty()) command.arguments.push_back(fmt::format("--{}={}", option, value));
  };
  ask("job-name", name);
  ask("array", fmt::format("0-{}", count - 1));
  ask("output", folder + ".%a/log");
  ask("signal", fmt::format("B:TERM@{}", request.notice_s));
  ask("cpus-per-task", std::to_string(request.threads));
  ask("partition", request.partition);
  ask("account", request.account);
  ask("time", request.time);
  ask("constraint", request.constraint);
  ask("mem", request.memory);
  ask("gres", request.gpus_per_seat > 0 ? fmt::format("gpu:{}", request.gpus_per_seat) : "");
  ask("exclude", fmt::format("{}", fmt::join(excluded, ",")));
  command.arguments.insert(command.arguments.end(), request.extra.begin(), request.extra.end());
  Environment environment = worker_environment(seat, "");
  if (request.gpus_per_seat > 0) environment.pop_back();  // Slurm says which GPUs a job sees
  // Newer Slurm says when the job will end; of an older one it is asked.
  ask("wrap", "until=${SLURM_JOB_END_TIME:-$(date -d \"$(squeue -h -j $SLURM_JOB_ID -o %e)\" +%s || echo 0)}\n" +
                  worker_line(request.worker, seat, environment) +
                  fmt::format(" --folder {}.$SLURM_ARRAY_TASK_ID --handle \"slurm ${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID\" "
                              "--until $until --notice {} --idle {}",
                              storage::shell_quoted(folder), request.notice_s, request.idle_s));
  return command;
}

Command squeue() {
  return {.program = "squeue",
          .arguments = {"--noheader", "--array", "--states=all", fmt::format("--user={}", ::getuid()),
                        "--Format=Name:|,ArrayTaskID:|,ArrayJobID:|,State:|,exit_code:|,NodeList:|"},
          .environment = {}};
}

Command scancel(const std::vector<std::string>& jobs) {
  return {.program = "scancel", .arguments = jobs, .environment = {}};
}

std::map<std::string, Allocation> allocations_from(const std::string& printed, const std::string& prefix) {
  std::map<std::string, Allocation> allocations;
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string name, task, job, state, status, node;
    for (std::string* field : {&name, &task, &job, &state, &status, &node}) std::getline(fields, *field, '|');
    if (!name.starts_with(prefix) || state.empty()) continue;
    Allocation allocation{.job = job + "_" + task, .node = node};
    if (running.contains(state)) allocation.state = State::running;
    if (!running.contains(state) && !waiting.contains(state)) {
      allocation.state = State::ended;
      allocation.end = end_from(state, status, node);
    }
    allocations[name + "." + task] = std::move(allocation);
  }
  return allocations;
}

std::string job_id_from(const std::string& printed) {
  std::istringstream lines(printed);  // among warnings: ID or ID;CLUSTER
  for (std::string line; std::getline(lines, line);) {
    const std::string id = line.substr(0, line.find(';'));
    if (!id.empty() && std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isdigit(c) != 0; })) return id;
  }
  return "";
}

}  // namespace search
