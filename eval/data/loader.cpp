#include "eval/data/loader.h"

#include <ATen/Parallel.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <future>
#include <random>
#include <span>

#include "eval/data/device_batch.h"
#include "storage/base/time.h"

namespace eval {

std::vector<std::int64_t> shuffled(std::span<const std::int64_t> images, std::uint64_t seed) {
  std::vector<std::int64_t> order(images.begin(), images.end());
  std::mt19937_64 random(seed);
  // draw.cpp's shuffle is unbiased: it draws fewer than i numbers of 2^64 anew. This one stays, so that no stored result changes.
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
  /// What a thread makes: finished images, or bytes that become them on the device.
  struct Prepared {
    torch::Tensor images, labels;
    ByteBatch bytes;
  };

  const Dataset& data;
  ImageWriter writer;
  std::vector<std::int64_t> order;
  Options options;
  std::optional<BatchFinisher> finisher = {};  ///< where batches are served on a GPU
  std::size_t count = 0;                       ///< batches in all
  std::size_t started = 0;                     ///< batches given to the arena
  std::deque<std::future<Prepared>> ready;
  double waited = 0;
  tbb::task_arena arena{preparing_threads(options.device) + 1, 1};  // one place is left to the thread that trains
  std::size_t ahead =
      2 + 2 * static_cast<std::size_t>(preparing_threads(options.device));  // batches prepared in advance: bounds the memory

  Prepared prepare(std::size_t batch) const {
    const std::size_t first = batch * options.batch;
    const auto images = std::span(order).subspan(first, std::min<std::size_t>(options.batch, order.size() - first));
    const auto size = static_cast<std::int64_t>(images.size());
    const bool pinned = options.device.is_cuda();  // so that the copy goes on while the GPU computes
    Prepared made;
    if (finisher)
      made.bytes = read_bytes(writer, images, options.seed, first, pinned);
    else
      made.images = written(images, first);
    made.labels = torch::empty({size}, torch::TensorOptions(torch::kInt64).pinned_memory(pinned));
    for (std::int64_t i = 0; i < size; ++i) made.labels.data_ptr<std::int64_t>()[i] = data.labels()[images[static_cast<std::size_t>(i)]];
    return made;
  }

  /// Images that start at place `first` of the order.
  torch::Tensor written(std::span<const std::int64_t> images, std::size_t first) const {
    const Shape shape = data.shape();
    const torch::Tensor made = torch::empty({std::ssize(images), shape.channels, shape.height, shape.width},
                                            torch::TensorOptions(torch::kFloat32).memory_format(torch::MemoryFormat::ChannelsLast));
    const std::ptrdiff_t pixels = static_cast<std::ptrdiff_t>(shape.channels) * shape.height * shape.width;
    for (std::size_t i = 0; i < images.size(); ++i)
      writer.write(images[i], mix_seed(options.seed, first + i), made.data_ptr<float>() + static_cast<std::ptrdiff_t>(i) * pixels);
    return made;
  }

  Batch finish(const Prepared& prepared) const {
    if (!finisher) return {prepared.images, prepared.labels};
    return {finisher->finished(prepared.bytes), prepared.labels.to(options.device, /*non_blocking=*/true)};
  }

  void start_ahead() {
    while (started < count && ready.size() < ahead) {
      auto promise = std::make_shared<std::promise<Prepared>>();
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
  if (!options.device.is_cpu()) impl_->finisher.emplace(impl_->writer, options.device);
  impl_->count = options.drop_last && images > batch ? images / batch : (images + batch - 1) / batch;
  impl_->start_ahead();
}

BatchLoader::~BatchLoader() {
  for (auto& batch : impl_->ready) batch.wait();  // tasks refer to impl_
}

std::optional<Batch> BatchLoader::next() {
  if (impl_->ready.empty()) return std::nullopt;
  const auto before = std::chrono::steady_clock::now();
  std::future<Impl::Prepared> first = std::move(impl_->ready.front());
  impl_->ready.pop_front();  // before a failure of this batch is thrown: the destructor waits for those that are left
  const Impl::Prepared prepared = first.get();
  impl_->waited += storage::seconds_since(before);
  impl_->start_ahead();
  return impl_->finish(prepared);
}

std::size_t BatchLoader::batches() const {
  return impl_->count;
}

double BatchLoader::waited() const {
  return impl_->waited;
}

}  // namespace eval
