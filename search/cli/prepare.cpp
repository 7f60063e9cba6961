// Decoding images before anything runs on them: with progress, and in the open about what is broken.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <mutex>

#include "eval/data/dataset.h"
#include "search/cli/commands.h"
#include "search/cli/printable.h"
#include "search/cli/request.h"
#include "search/experiment/nets.h"
#include "search/run/machine.h"
#include "storage/base/error.h"
#include "storage/base/time.h"

namespace search::cli {

namespace {

/// A line on stderr that counts, five times a second; silent where decoding is over before.
class DecodingLine {
 public:
  explicit DecodingLine(const std::string& name) : name_(printable(name)) {}
  ~DecodingLine() {
    if (shown_ && terminal_) tell(stderr, "\n");
  }

  void operator()(std::int64_t done, std::int64_t of) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    if (now - last_ < (terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10000)) || done <= highest_) return;
    last_ = now;
    highest_ = done;
    const double seconds = storage::in_seconds(now - start_);
    const double left = seconds * static_cast<double>(of - done) / static_cast<double>(done);
    tell(stderr, fmt::format("{}nas-run: decoding {}: {} of {} images, {:.0f} s left{}", terminal_ ? "\r" : "", name_, done, of, left,
                             terminal_ ? "   " : "\n"));
    shown_ = true;
  }

 private:
  std::string name_;
  bool terminal_ = isatty(STDERR_FILENO) != 0 && !wants_plain_lines(), shown_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), last_ = start_;
  std::int64_t highest_ = 0;
  std::mutex mutex_;
};

}  // namespace

std::unique_ptr<eval::Dataset> open_with_progress(const std::string& name, const Json& settings, const std::string& target,
                                                  std::int64_t cache_limit) {
  DecodingLine line(name);
  return eval::open_dataset(settings, target, {cache_limit, std::ref(line)});
}

std::unique_ptr<eval::Dataset> open_data(const Experiment& experiment, const std::string& data, const std::string& target) {
  return open_with_progress(data, experiment.data.at(data).settings, target, experiment.resources.cache_limit);
}

void log_left_out(const std::string& data, std::span<const eval::LeftOut> left_out) {
  constexpr std::size_t shown = 20;
  if (!left_out.empty()) log(fmt::format("data {}: {} images are left out", data, left_out.size()));
  for (std::size_t i = 0; i < std::min(shown, left_out.size()); ++i) log(fmt::format("  {}: {}", left_out[i].image, left_out[i].reason));
}

Json check_weights(const Experiment& experiment) {
  Json fresh = Json::array();
  for (const Task& task : experiment.tasks)
    for (const NetRequest& net : experiment.nets) {
      if (!net.weights) continue;
      const Json answer = ask_worker({{"command", "check_weights"},
                                      {"spec", eval::to_json(make_net(net, info_of(experiment, task)))},
                                      {"weights", net.weights->path.string()},
                                      {"insert_batch_norm", net.insert_batch_norm}});
      if (answer.at("fresh_layer") != "")
        fresh.push_back({{"task", task.name}, {"net", net.name}, {"fresh_layer", answer.at("fresh_layer")}});
    }
  return fresh;
}

void check_runtime(const Experiment& experiment) {
  if (!experiment.evaluate.latency || !experiment.evaluate.latency->onnx_runtime) return;
  if (worker_devices(require_worker(), /*runtimes=*/true).value("onnxruntime", "") == "")
    throw storage::Error(storage::ErrorKind::environment,
                         "evaluate.latency.runtime: no ONNX Runtime is found; valid: pip install onnxruntime, or its libonnxruntime.so in "
                         "NAS_ONNXRUNTIME");
}

void prepare_data(Experiment& experiment) {
  for (auto& [name, each] : experiment.data) {
    const std::unique_ptr<eval::Dataset> opened = open_data(experiment, name, each.targets.begin()->first);
    log_left_out(name, opened->left_out());
    each.content = opened->content();
  }
}

}  // namespace search::cli
