#include "eval/data/loader.h"

#include <tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <future>
#include <random>

namespace eval {

namespace {

/// How one image is moved and mirrored.
struct Placement {
  bool mirrored = false;
  int down = 0, right = 0;
};

Placement draw_placement(const Augmentation& augmentation, std::uint64_t seed) {
  const int range = 2 * augmentation.shift + 1;
  Placement placement;
  placement.mirrored = augmentation.flip && (mix_seed(seed, 0) & 1);
  placement.down = static_cast<int>(mix_seed(seed, 1) % range) - augmentation.shift;
  placement.right = static_cast<int>(mix_seed(seed, 2) % range) - augmentation.shift;
  return placement;
}

/// Writes one image, channels last, through a table of normalised values: [channel][byte].
void place_image(std::span<const std::uint8_t> pixels, const Shape& shape, const Placement& placement, const std::vector<float>& values,
                 float* out) {
  const auto [channels, height, width] = shape;
  for (int c = 0; c < channels; ++c) {
    const float* value = values.data() + 256 * c;
    for (int y = 0; y < height; ++y) {
      const int from_y = y - placement.down;
      float* row = out + static_cast<std::ptrdiff_t>(y) * width * channels + c;
      if (from_y < 0 || from_y >= height) {
        for (int x = 0; x < width; ++x) row[x * channels] = value[0];
        continue;
      }
      const std::uint8_t* source = pixels.data() + (static_cast<std::ptrdiff_t>(c) * height + from_y) * width;
      for (int x = 0; x < width; ++x) {
        const int from_x = (placement.mirrored ? width - 1 - x : x) - placement.right;
        row[x * channels] = value[from_x >= 0 && from_x < width ? source[from_x] : 0];
      }
    }
  }
}

}  // namespace

std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t part) {
  std::uint64_t z = seed + (part + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

Normalisation measure_normalisation(const Dataset& data) {
  const auto [channels, height, width] = data.shape();
  const std::int64_t plane = static_cast<std::int64_t>(height) * width;
  // A histogram of bytes is exact and holds for any number of images.
  std::vector<std::vector<std::int64_t>> histogram(channels, std::vector<std::int64_t>(256, 0));
  for (std::int64_t image : data.split(Split::train)) {
    const std::span<const std::uint8_t> pixels = data.pixels(image);
    for (int c = 0; c < channels; ++c)
      for (std::uint8_t pixel : pixels.subspan(c * plane, plane)) ++histogram[c][pixel];
  }
  Normalisation normalisation;
  for (int c = 0; c < channels; ++c) {
    double count = 0, sum = 0, squares = 0;
    for (int value = 0; value < 256; ++value) {
      const double times = static_cast<double>(histogram[c][value]);
      count += times;
      sum += times * value / 255;
      squares += times * value * value / (255.0 * 255.0);
    }
    const double mean = count > 0 ? sum / count : 0;
    const double variance = count > 0 ? squares / count - mean * mean : 1;
    normalisation.mean.push_back(static_cast<float>(mean));
    normalisation.deviation.push_back(static_cast<float>(std::sqrt(std::max(variance, 1e-6))));
  }
  return normalisation;
}

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

struct BatchLoader::Impl {
  const Dataset& data;
  std::vector<std::int64_t> order;
  Options options;
  std::vector<float> values;  ///< normalised value of [channel][byte]
  std::size_t count = 0;      ///< batches in all
  std::size_t started = 0;    ///< batches given to the arena
  std::deque<std::future<Batch>> ready;
  double waited = 0;
  tbb::task_arena arena{2, 1};  // one place is left to the thread that trains

  Batch prepare(std::size_t batch) const {
    const std::size_t first = batch * options.batch;
    const std::size_t size = std::min<std::size_t>(options.batch, order.size() - first);
    const Shape shape = data.shape();
    const std::ptrdiff_t pixels = static_cast<std::ptrdiff_t>(shape.channels) * shape.height * shape.width;
    Batch made{torch::empty({static_cast<std::int64_t>(size), shape.channels, shape.height, shape.width},
                            torch::TensorOptions(torch::kFloat32).memory_format(torch::MemoryFormat::ChannelsLast)),
               torch::empty({static_cast<std::int64_t>(size)}, torch::kInt64)};
    float* images = made.images.data_ptr<float>();
    std::int64_t* labels = made.labels.data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < size; ++i) {
      const std::int64_t image = order[first + i];
      const Placement placement = draw_placement(options.augmentation, mix_seed(options.seed, first + i));
      place_image(data.pixels(image), shape, placement, values, images + static_cast<std::ptrdiff_t>(i) * pixels);
      labels[i] = data.labels()[image];
    }
    return made;
  }

  void start_ahead() {
    while (started < count && ready.size() < static_cast<std::size_t>(options.ahead)) {
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
    : impl_(new Impl{data, std::move(order), options, {}, 0, 0, {}, 0, tbb::task_arena{2, 1}}) {
  const std::size_t images = impl_->order.size(), batch = options.batch;
  impl_->count = options.drop_last && images > batch ? images / batch : (images + batch - 1) / batch;
  for (std::size_t c = 0; c < normalisation.mean.size(); ++c)
    for (int value = 0; value < 256; ++value)
      impl_->values.push_back((static_cast<float>(value) / 255 - normalisation.mean[c]) / normalisation.deviation[c]);
  impl_->start_ahead();
}

BatchLoader::~BatchLoader() {
  for (std::future<Batch>& batch : impl_->ready) batch.wait();  // tasks refer to impl_
}

std::optional<Batch> BatchLoader::next() {
  if (impl_->ready.empty()) return std::nullopt;
  const auto before = std::chrono::steady_clock::now();
  Batch batch = impl_->ready.front().get();
  impl_->waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  impl_->ready.pop_front();
  impl_->start_ahead();
  return batch;
}

std::size_t BatchLoader::batches() const {
  return impl_->count;
}

double BatchLoader::waited() const {
  return impl_->waited;
}

}  // namespace eval
