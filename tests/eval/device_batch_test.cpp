#include "eval/data/device_batch.h"

#include <catch2/catch.hpp>
#include <random>

#include "eval/data/seed.h"
#include "eval/data/stored_dataset.h"
#include "support/need_gpu.h"

using torch::Tensor;

namespace {

/// Images of random bytes.
eval::StoredDataset random_images(eval::Shape shape, int margin, int count) {
  std::mt19937_64 random(1);
  std::vector<std::uint8_t> bytes(eval::stored_bytes(shape, margin) * static_cast<std::size_t>(count));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  eval::StoredImages images;
  images.shape = shape;
  images.margin = margin;
  images.pixels = eval::PixelBlock::of(std::move(bytes));
  images.labels.assign(static_cast<std::size_t>(count), 0);
  images.class_names = {"a"};
  return eval::StoredDataset(std::move(images));
}

eval::Normalisation normalisation_of(int channels) {
  const std::vector<float> mean{0.485F, 0.456F, 0.406F}, deviation{0.229F, 0.001F, 7};
  return {{mean.begin(), mean.begin() + channels}, {deviation.begin(), deviation.begin() + channels}};
}

/// What a device makes of bytes and draws is what the writer writes.
void check_device(const eval::Dataset& data, const eval::Augmentation& augmentation, torch::Device device) {
  const eval::Shape shape = data.shape();
  const eval::ImageWriter writer(data, normalisation_of(shape.channels), augmentation);
  const std::vector<std::int64_t> order{3, 0, 4, 1, 2, 3, 3};
  const eval::ByteBatch batch = eval::read_bytes(writer, order, 5, 20, device.is_cuda());
  const Tensor found = eval::BatchFinisher(writer, device).finished(batch);
  CHECK(found.device().type() == device.type());
  CHECK(found.is_contiguous(torch::MemoryFormat::ChannelsLast));
  Tensor wanted = torch::empty({7, shape.height, shape.width, shape.channels});
  for (std::size_t i = 0; i < order.size(); ++i)
    writer.write(order[i], eval::mix_seed(5, 20 + i), wanted[static_cast<std::int64_t>(i)].data_ptr<float>());
  CHECK(torch::equal(found.cpu(), wanted.permute({0, 3, 1, 2})));
}

void check_combinations(torch::Device device) {
  for (const eval::Shape shape : {eval::Shape{1, 5, 8}, eval::Shape{3, 6, 3}, eval::Shape{2, 1, 1}})
    for (const int margin : {0, 2}) {
      const eval::StoredDataset data = random_images(shape, margin, 5);
      for (const bool flip : {false, true})
        for (const int padding : {0, 1, 2, 3})
          for (const int cutout : {0, 3})
            for (const bool changes : {false, true}) {
              eval::Augmentation augmentation{.flip = flip, .padding = padding, .cutout = cutout};
              if (changes) augmentation.jitter = 0.3, augmentation.trivial = true;
              INFO(shape.channels << " channels, margin " << margin << ", flip " << flip << ", padding " << padding << ", cutout "
                                  << cutout);
              check_device(data, augmentation, device);
              augmentation.min_scale = 0.5;
              check_device(data, augmentation, device);
            }
    }
}

}  // namespace

TEST_CASE("a device finishes images as the processor writes them, to the last bit") {
  check_combinations(torch::kCPU);
}

TEST_CASE("a GPU finishes images as the processor writes them, to the last bit", "[gpu]") {
  support::need_gpu();
  check_combinations(torch::kCUDA);
}

TEST_CASE("a device's image by hand: mirrored and moved, black beyond the bytes") {
  // 1 x 1 x 3 with a margin of 1, whose middle row is 4 5 6 7 8; padding 2 reaches one pixel beyond.
  eval::StoredImages images;
  images.shape = {1, 1, 3};
  images.margin = 1;
  images.pixels = eval::PixelBlock::of({0, 0, 0, 0, 0, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0});
  images.labels = {0};
  images.class_names = {"a"};
  const eval::StoredDataset data(std::move(images));
  const eval::ImageWriter writer(data, {{0}, {1.F / 255}}, {.flip = true, .padding = 2, .cutout = 1});
  CHECK(writer.border() == 1);
  const eval::BatchFinisher finisher(writer, torch::kCPU);
  eval::ByteBatch batch = eval::read_bytes(writer, std::vector<std::int64_t>{0}, 1, 0, false);
  const auto row = [&](const std::vector<std::int64_t>& placement) {
    batch.placements = torch::tensor(placement).view({1, 5});
    return finisher.finished(batch).flatten().round();
  };
  const std::int64_t nowhere = -1;
  CHECK(row({2, 2, 0, nowhere, nowhere}).equal(torch::tensor({5.F, 6.F, 7.F})));
  CHECK(row({2, 2, 1, nowhere, nowhere}).equal(torch::tensor({7.F, 6.F, 5.F})));
  CHECK(row({2, 0, 0, nowhere, nowhere}).equal(torch::tensor({0.F, 4.F, 5.F})));
  CHECK(row({2, 4, 1, nowhere, nowhere}).equal(torch::tensor({0.F, 8.F, 7.F})));
  CHECK(row({0, 2, 0, nowhere, nowhere}).equal(torch::tensor({0.F, 0.F, 0.F})));
  CHECK(row({2, 2, 1, 0, 1}).equal(torch::tensor({7.F, 0.F, 5.F})));
}
