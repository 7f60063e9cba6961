// Training rate of the Fashion-MNIST experiment's base net through the project's own loop, data pipeline included.
// usage: bench_train THREADS fp32|bf16 EPOCHS; prints one JSON line.
#include <iostream>

#include "eval/data/dataset.h"
#include "eval/nets/registry.h"
#include "prune/train.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int threads = std::stoi(argv[1]);
  eval::prepare_process(threads);
  const auto data = eval::open_dataset({{"format", "idx"}, {"pad", 2}, {"train_images", 6000}, {"validation_images", 250}});
  const eval::Normalisation normalisation = eval::measure_normalisation(*data);
  const eval::NetSpec spec = eval::make_net("vgg16_bn", {.width = 0.25, .classes = 10, .input = {1, 32, 32}});
  eval::Net net(spec, eval::initial_weights(spec, 1));
  prune::TrainTask task{*data, normalisation};
  task.options = {.epochs = std::stoi(argv[3]), .augment = {"flip", "crop"}};
  task.precision = eval::precision_from_string(argv[2]);
  const prune::TrainResult result = prune::train(net, task);
  std::cout << storage::Json{{"threads", threads},
                             {"precision", argv[2]},
                             {"images_per_s", std::llround(static_cast<double>(result.images) / result.train_s)},
                             {"data_wait_share", result.data_wait_s / result.train_s}}
                   .dump()
            << "\n";
}
