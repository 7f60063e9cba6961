// Decoding images before anything runs on them: with progress, and in the open about what is broken.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <mutex>

#include "eval/data/dataset.h"
#include "search/cli/commands.h"
#include "search/cli/printable.h"

namespace search::cli {

namespace {

/// A line on stderr that counts, five times a second; silent where decoding is over before.
class DecodingLine {
 public:
  explicit DecodingLine(const std::string& name) : name_(printable(name)) {}
  ~DecodingLine() {
    if (shown_ && terminal_) fmt::print(stderr, "\n");
  }

  void operator()(std::int64_t done, std::int64_t of) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    if (now - last_ < (terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10000)) || done <= highest_) return;
    last_ = now;
    highest_ = done;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double left = seconds * static_cast<double>(of - done) / static_cast<double>(done);
    fmt::print(stderr, "{}nas-run: decoding {}: {} of {} images, {:.0f} s left{}", terminal_ ? "\r" : "", name_, done, of, left,
               terminal_ ? "   " : "\n");
    std::fflush(stderr);
    shown_ = true;
  }

 private:
  std::string name_;
  bool terminal_ = isatty(STDERR_FILENO) != 0, shown_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), last_ = start_;
  std::int64_t highest_ = 0;
  std::mutex mutex_;
};

}  // namespace

std::vector<eval::LeftOut> read_images(const Experiment& experiment, const std::string& data) {
  std::string target;
  for (const Task& task : experiment.tasks)
    if (task.dataset == data) target = task.target;
  DecodingLine line(data);
  const eval::DecodeOptions decoding{experiment.resources.cache_limit, std::ref(line)};
  const std::unique_ptr<eval::Dataset> dataset = eval::open_dataset(experiment.data.at(data).settings, target, decoding);
  const std::span<const eval::LeftOut> left_out = dataset->left_out();
  return {left_out.begin(), left_out.end()};
}

void prepare_images(const Experiment& experiment) {
  for (const auto& [name, each] : experiment.data) {
    if (!eval::dataset_entry(each.settings.at("format")).decodes) continue;
    const std::vector<eval::LeftOut> left_out = read_images(experiment, name);
    constexpr std::size_t shown = 20;
    if (!left_out.empty()) log(fmt::format("data {}: {} images are left out", name, left_out.size()));
    for (std::size_t i = 0; i < std::min(shown, left_out.size()); ++i) log(fmt::format("  {}: {}", left_out[i].image, left_out[i].reason));
  }
}

}  // namespace search::cli
