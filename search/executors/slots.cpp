#include "search/executors/slots.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "storage/base/error.h"

namespace search {

namespace {

using storage::Error;
using storage::ErrorKind;

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char digit) { return std::isdigit(digit) != 0; });
}

/// A device file /dev/nvidia<N>; /dev/nvidiactl alone says nothing.
bool has_nvidia_device() {
  constexpr std::string_view prefix = "nvidia";
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", unreadable)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(prefix) && is_number(std::string_view(name).substr(prefix.size()))) return true;
  }
  return false;
}

bool gpus_hidden() {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return visible != nullptr && (std::string_view(visible).empty() || std::string_view(visible) == "-1");
}

/// What `PROGRAM --devices` prints. Throws Error(environment) where it does not end with exit code 0.
std::string asked_for_devices(const std::filesystem::path& program) {
  std::string quoted = "'";
  for (const char letter : program.string()) quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  std::FILE* output = ::popen((quoted + "' --devices").c_str(), "re");
  std::string text;
  std::array<char, 4096> buffer;
  while (output != nullptr && std::fgets(buffer.data(), static_cast<int>(buffer.size()), output) != nullptr) text += buffer.data();
  if (output == nullptr || ::pclose(output) != 0)
    throw Error(ErrorKind::environment,
                fmt::format("{} --devices failed: set NAS_WORKER to the path of nas-worker, or take device cpu", program.string()));
  return text;
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

int usable_gpus(const std::filesystem::path& worker) {
  if (gpus_hidden() || !has_nvidia_device()) return 0;
  const Json devices = Json::parse(asked_for_devices(worker), nullptr, false);
  if (!devices.is_object() || !devices.contains("cuda") || !devices.at("cuda").is_number_unsigned())
    throw Error(ErrorKind::environment, fmt::format("{} --devices: its answer is not {{\"cuda\": N}}", worker.string()));
  return devices.at("cuda").get<int>();
}

std::vector<Slot> plan_slots(const Resources& resources, int cores, int gpus) {
  std::vector<Slot> slots;
  if (resources.device == "cpu" || (resources.device == "auto" && gpus == 0)) {
    const int threads = std::max(1, resources.threads_per_slot);
    const int count = resources.slots > 0 ? resources.slots : std::max(1, cores / threads);
    slots.assign(static_cast<std::size_t>(count), {"cpu", threads});
    return slots;
  }
  const std::string device = resources.device == "auto" ? "cuda" : resources.device;
  if (device != "cuda" && !device.starts_with("cuda:"))
    throw Error(ErrorKind::invalid,
                fmt::format("device '{}': valid are auto, cpu, cuda, and cuda: with GPU numbers, as in cuda:0,1", device));
  const std::vector<int> chosen = chosen_gpus(device, gpus);
  const int count = resources.slots > 0 ? resources.slots : static_cast<int>(chosen.size());
  const int threads = resources.threads_per_slot > 0 ? resources.threads_per_slot : std::max(1, cores / count);
  for (int i = 0; i < count; ++i) slots.push_back({fmt::format("cuda:{}", chosen[static_cast<std::size_t>(i) % chosen.size()]), threads});
  return slots;
}

std::vector<Slot> plan_slots(const Resources& resources, const std::filesystem::path& worker) {
  return plan_slots(resources, allowed_cores(), resources.device == "cpu" ? 0 : usable_gpus(worker));
}

}  // namespace search
