// Images decoded and augmented from a folder of grey 64 x 64 faces, with a cold and a warm cache of decoded images.
// usage: bench_images FOLDER; prints one JSON line. Uses a cache of its own, which it removes.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "eval/data/dataset.h"
#include "eval/data/loader.h"

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Opens the folder and prepares every image once; returns images a second.
double pass(const storage::Json& settings) {
  const auto start = std::chrono::steady_clock::now();
  const auto data = eval::open_dataset(settings);
  std::vector<std::int64_t> order;
  for (const eval::Split split : eval::all_splits)
    for (const std::int64_t image : data->split(split)) order.push_back(image);
  const auto images = static_cast<double>(order.size());
  eval::BatchLoader loader(*data, {{0.5F}, {0.25F}}, eval::shuffled(order, 1),
                           {.batch = 128, .augmentation = {.flip = true, .padding = 4}});
  while (loader.next()) {
  }
  return images / seconds_since(start);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path cache = std::filesystem::temp_directory_path() / "bench-images-cache";
  std::filesystem::remove_all(cache);
  setenv("XDG_CACHE_HOME", cache.c_str(), 1);
  const storage::Json settings{{"format", "folder"}, {"root", argv[1]}, {"size", 64}, {"gray", true}};
  const double cold = pass(settings);
  double warm = 0;
  for (int turn = 0; turn < 3; ++turn) warm = std::max(warm, pass(settings));
  std::filesystem::remove_all(cache);
  std::cout << storage::Json{{"cold_images_per_s", std::llround(cold)}, {"warm_images_per_s", std::llround(warm)}}.dump() << "\n";
}
