#include "eval/data/loader.h"

#include <ATen/Parallel.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <future>
#include <random>

namespace eval {

std::vector<std::int64_t> shuffled(std::span<const std::int64_t> images, std::uint64_t seed) {
  std::vector<std::int64_t> order(images.begin(), images.end());
  std::mt19937_64 random(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

std::vector<std::int64_t> sample_images(const Dataset& data, std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> images = shuffled(data.split(Split::train), seed);
  images.resize(std::min<std::size_t>(images.size(), count));
  return images;
}

std::vector<std::int64_t> sample_of_classes(const Dataset& data, std::span<const std::int64_t> images, std::int64_t count,
                                            std::uint64_t seed) {
  const std::vector<std::int64_t> drawn = shuffled(images, seed);
  std::vector<double> in_class(data.class_names().size(), 0), before(in_class);
  for (const std::int64_t image : drawn) ++in_class[data.labels()[image]];
  // An image's place among those of its class, as a share of them: the first `count` by it hold every class in its proportion.
  std::vector<std::pair<double, std::size_t>> places;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const std::int32_t label = data.labels()[drawn[i]];
    places.emplace_back((before[label]++ + 0.5) / in_class[label], i);
  }
  std::sort(places.begin(), places.end());
  std::vector<std::int64_t> sample;
  for (std::size_t i = 0; i < places.size() && std::ssize(sample) < count; ++i) sample.push_back(drawn[places[i].second]);
  return sample;
}

namespace {

/// On a CPU the operators take the slot's other threads.
int preparing_threads(torch::Device device) {
  return device.is_cuda() ? std::max(1, at::get_num_threads()) : 1;
}

}  // namespace

struct BatchLoader::Impl {
  const Dataset& data;
  ImageWriter writer;
  std::vector<std::int64_t> order;
  Options options;
  std::size_t count = 0;    ///< batches in all
  std::size_t started = 0;  ///< batches given to the arena
  std::deque<std::future<Batch>> ready;
  double waited = 0;
  tbb::task_arena arena{preparing_threads(options.device) + 1, 1};  // one place is left to the thread that trains
  std::size_t ahead =
      2 + 2 * static_cast<std::size_t>(preparing_threads(options.device));  // batches prepared in advance: bounds the memory

  Batch prepare(std::size_t batch) const {
    const std::size_t first = batch * options.batch;
    const std::size_t size = std::min<std::size_t>(options.batch, order.size() - first);
    const Shape shape = data.shape();
    const std::ptrdiff_t pixels = static_cast<std::ptrdiff_t>(shape.channels) * shape.height * shape.width;
    const bool pinned = options.device.is_cuda();  // so that the copy goes on while the GPU computes
    Batch made{torch::empty({static_cast<std::int64_t>(size), shape.channels, shape.height, shape.width},
                            torch::TensorOptions(torch::kFloat32).memory_format(torch::MemoryFormat::ChannelsLast).pinned_memory(pinned)),
               torch::empty({static_cast<std::int64_t>(size)}, torch::TensorOptions(torch::kInt64).pinned_memory(pinned))};
    float* images = made.images.data_ptr<float>();
    std::int64_t* labels = made.labels.data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < size; ++i) {
      const std::int64_t image = order[first + i];
      writer.write(image, mix_seed(options.seed, first + i), images + static_cast<std::ptrdiff_t>(i) * pixels);
      labels[i] = data.labels()[image];
    }
    return made;
  }

  void start_ahead() {
    while (started < count && ready.size() < ahead) {
      auto promise = std::make_shared<std::promise<Batch>>();
      ready.push_back(promise->get_future());
      arena.enqueue([this, promise, batch = started] {
        try {
          promise->set_value(prepare(batch));
        } catch (...) {
          promise->set_exception(std::current_exception());
        }
      });
      ++started;
    }
  }
};

BatchLoader::BatchLoader(const Dataset& data, const Normalisation& normalisation, std::vector<std::int64_t> order, Options options)
    : impl_(new Impl{data, ImageWriter(data, normalisation, options.augmentation), std::move(order), options}) {
  const std::size_t images = impl_->order.size(), batch = options.batch;
  impl_->count = options.drop_last && images > batch ? images / batch : (images + batch - 1) / batch;
  impl_->start_ahead();
}

BatchLoader::~BatchLoader() {
  for (std::future<Batch>& batch : impl_->ready) batch.wait();  // tasks refer to impl_
}

std::optional<Batch> BatchLoader::next() {
  if (impl_->ready.empty()) return std::nullopt;
  const auto before = std::chrono::steady_clock::now();
  std::future<Batch> first = std::move(impl_->ready.front());
  impl_->ready.pop_front();  // before a failure of this batch is thrown: the destructor waits for those that are left
  Batch batch = first.get();
  impl_->waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  impl_->start_ahead();
  if (!impl_->options.device.is_cpu()) {
    batch.images = batch.images.to(impl_->options.device, /*non_blocking=*/true);
    batch.labels = batch.labels.to(impl_->options.device, /*non_blocking=*/true);
  }
  return batch;
}

std::size_t BatchLoader::batches() const {
  return impl_->count;
}

double BatchLoader::waited() const {
  return impl_->waited;
}

}  // namespace eval
