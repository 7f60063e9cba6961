#include "search/run/machine.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string_view>
#include <thread>

#include "search/run/executors/spawn.h"
#include "storage/base/error.h"
#include "storage/base/shell.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char digit) { return std::isdigit(digit) != 0; });
}

/// A device file /dev/nvidia<N>, or that of Windows' subsystem for Linux; /dev/nvidiactl alone says nothing.
bool has_nvidia_device() {
  constexpr std::string_view prefix = "nvidia";
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", unreadable)) {
    const std::string name = entry.path().filename();
    if (name == "dxg") return true;
    if (name.starts_with(prefix) && is_number(std::string_view(name).substr(prefix.size()))) return true;
  }
  return false;
}

/// $CUDA_VISIBLE_DEVICES; nothing where it is not set.
std::optional<std::string> visible_gpus() {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return visible == nullptr ? std::nullopt : std::optional<std::string>(visible);
}

/// What `PROGRAM ARGUMENTS` prints. Throws Error(environment) where it does not end with exit code 0.
std::string printed_by(const std::filesystem::path& program, const std::string& arguments) {
  const std::optional<std::string> text = output_of(storage::shell_quoted(program.string()) + " " + arguments);
  if (!text)
    throw Error(ErrorKind::environment,
                fmt::format("{} {} failed: set NAS_WORKER to the path of nas-worker, or take device cpu", program.string(), arguments));
  return *text;
}

/// Bytes that are free on the fullest of the GPUs that programs may use, as nvidia-smi says; 0 where it does not, as of a slice of one.
std::int64_t smallest_gpu_memory() {
  const std::optional<std::string> visible = visible_gpus();
  const std::string chosen = visible ? " -i " + storage::shell_quoted(*visible) : "";
  std::istringstream lines(output_of("nvidia-smi --query-gpu=memory.free --format=csv,noheader,nounits" + chosen).value_or(""));
  std::int64_t smallest = 0;
  for (std::int64_t mebibytes = 0; lines >> mebibytes;) smallest = smallest == 0 ? mebibytes << 20 : std::min(smallest, mebibytes << 20);
  return smallest;
}

/// "cuda" is all of them, "cuda:0,2" those two.
std::vector<int> chosen_gpus(const std::string& device, int gpus) {
  std::vector<int> chosen;
  std::string_view rest = device;
  rest.remove_prefix(std::string_view("cuda").size());
  if (rest.empty()) {
    for (int gpu = 0; gpu < gpus; ++gpu) chosen.push_back(gpu);
  }
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the colon, then commas
    const std::string_view number = rest.substr(0, rest.find(','));
    int gpu = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), gpu);
    if (!is_number(number) || error != std::errc() || end != number.data() + number.size())
      throw Error(ErrorKind::invalid,
                  fmt::format("device '{}': valid are auto, cpu, cuda, and cuda: with GPU numbers, as in cuda:0,1", device));
    rest.remove_prefix(number.size());
    chosen.push_back(gpu);
  }
  for (const int gpu : chosen) {
    if (gpu >= gpus)
      throw Error(ErrorKind::environment,
                  fmt::format("device '{}': there is no GPU {}; this machine has {} that a worker can use", device, gpu, gpus));
  }
  if (chosen.empty())
    throw Error(ErrorKind::environment, fmt::format("device '{}': no GPU that a worker can use; take auto or cpu", device));
  return chosen;
}

}  // namespace

std::filesystem::path find_worker() {
  if (const char* given = std::getenv("NAS_WORKER"); given != nullptr && *given != '\0') return given;
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "nas-worker";
}

int allowed_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));  // more cores than the mask has bits
}

std::int64_t available_memory() {
  std::int64_t available = 0;
  std::ifstream about("/proc/meminfo");
  for (std::string name; about >> name;) {
    if (name == "MemAvailable:" && about >> available) break;
    about.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  available <<= 10;
  std::int64_t limit = 0;  // "max" reads as none
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit) available = std::min(available, limit);
  return available;
}

std::optional<Json> devices_from(const std::string& answer) {
  Json devices = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  const bool answers = devices.is_object() && devices.contains("cuda") && devices.at("cuda").is_number_unsigned();
  return answers ? std::optional(std::move(devices)) : std::nullopt;
}

Json worker_devices(const std::filesystem::path& worker, bool runtimes) {
  const std::optional<Json> devices = devices_from(printed_by(worker, runtimes ? "--devices --runtimes" : "--devices"));
  if (!devices) throw Error(ErrorKind::environment, fmt::format("{} --devices: its answer is not {{\"cuda\": N}}", worker.string()));
  return *devices;
}

int usable_gpus(const std::filesystem::path& worker) {
  const std::optional<std::string> visible = visible_gpus();
  if (visible == "" || visible == "-1" || !has_nvidia_device()) return 0;
  const int gpus = worker_devices(worker).at("cuda").get<int>();
  // A process is shown the first of several slices of GPUs alone; each worker is given its own.
  const bool are_slices = visible && visible->starts_with("MIG-");
  return are_slices ? gpus * static_cast<int>(1 + std::count(visible->begin(), visible->end(), ',')) : gpus;
}

std::vector<Slot> plan_slots(const Resources& resources, const Machine& machine) {
  const auto fitting = [&](std::int64_t memory) {
    return resources.memory_per_trial > 0 && memory > 0 ? std::max<std::int64_t>(1, memory / resources.memory_per_trial) : 0;
  };
  std::vector<Slot> slots;
  if (resources.device == "cpu" || (resources.device == "auto" && machine.gpus == 0)) {
    const int threads = std::max(1, resources.threads_per_slot);
    std::int64_t count = std::max(1, machine.cores / threads);
    if (const std::int64_t fit = fitting(machine.memory); fit > 0) count = std::min(count, fit);
    if (resources.slots > 0) count = resources.slots;
    slots.assign(static_cast<std::size_t>(count), {"cpu", threads});
    return slots;
  }
  const std::string device = resources.device == "auto" ? "cuda" : resources.device;
  if (device != "cuda" && !device.starts_with("cuda:"))
    throw Error(ErrorKind::invalid,
                fmt::format("device '{}': valid are auto, cpu, cuda, and cuda: with GPU numbers, as in cuda:0,1", device));
  const std::vector<int> chosen = chosen_gpus(device, machine.gpus);
  const std::int64_t each = std::max<std::int64_t>(1, fitting(machine.gpu_memory));
  const int count = resources.slots > 0 ? resources.slots
                                        : static_cast<int>(std::min<std::int64_t>(1024, each * static_cast<std::int64_t>(chosen.size())));
  const int threads = resources.threads_per_slot > 0 ? resources.threads_per_slot : std::max(1, machine.cores / count);
  for (int i = 0; i < count; ++i) slots.push_back({fmt::format("cuda:{}", chosen[static_cast<std::size_t>(i) % chosen.size()]), threads});
  return slots;
}

std::vector<Slot> host_slots(const std::vector<Host>& hosts) {
  std::vector<Slot> slots;
  for (const Host& host : hosts)
    for (int i = 0; i < host.slots; ++i) {
      const std::string device = host.device == "cpu" ? "cpu" : fmt::format("cuda:{}", i % host.gpus);
      slots.push_back({device, host.threads, host.name, fmt::format("{} {}", host.name, device)});
    }
  return slots;
}

std::vector<Slot> seats(const Resources& resources) {
  std::vector<Slot> slots;
  const int count = resources.slots > 0 ? resources.slots : resources.slurm.seats;
  for (int seat = 0; seat < count; ++seat)
    slots.push_back({resources.slurm.gpus_per_seat > 0 ? "cuda" : "cpu", resources.slurm.threads, "", fmt::format("seat {}", seat)});
  return slots;
}

namespace {

std::vector<Slot> slots_of(const Resources& resources, const std::filesystem::path& worker) {
  if (resources.executor == "slurm") return seats(resources);
  if (resources.executor == "ssh" && resources.hosts.empty())
    throw Error(ErrorKind::invalid, "executor ssh: the experiment names no hosts; valid: resources: {executor: ssh, hosts: [{name: ...}]}");
  if (resources.executor == "ssh") return host_slots(resources.hosts);
  Machine machine{allowed_cores(), resources.device == "cpu" ? 0 : usable_gpus(worker), available_memory(), 0};
  if (resources.memory_per_trial > 0 && machine.gpus > 0) machine.gpu_memory = smallest_gpu_memory();
  return plan_slots(resources, machine);
}

}  // namespace

std::vector<Slot> plan_slots(const Resources& resources, const std::filesystem::path& worker) {
  std::vector<Slot> slots = slots_of(resources, worker);
  for (Slot& slot : slots) slot.deterministic = resources.deterministic && slot.device != "cpu";
  return slots;
}

}  // namespace search
