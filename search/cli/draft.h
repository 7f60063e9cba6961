// An experiment drafted for a folder of images: the choices of `nas-run init`, apart from what it reads and measures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace search::cli {

/// What the files of a folder say.
struct FolderFacts {
  std::string root;                                    ///< as the experiment names it
  std::vector<std::string> classes;                    ///< "cat (120)", in their order
  std::int64_t images = 0, train = 0;                  ///< files in all, and those that train
  int least_side = 0, median_side = 0, most_side = 0;  ///< pixels of the files' shorter sides
  bool gray = false;                                   ///< all files have one channel
  bool imbalanced = false;                             ///< the largest class has over three times the images of the smallest
  std::size_t broken = 0;                              ///< files that cannot be read
};

/// A net and an image size that could be the base.
struct Candidate {
  int size = 0;  ///< pixels a side
  double width = 1;
  double macs = 0;  ///< multiply-accumulates for one image
};

struct Draft {
  std::string name;
  Candidate base;
  double images_per_s = 0;  ///< of training the base on one slot
  int minutes = 0, slots = 1;
  int epochs = 0, batch = 0, seeds = 3;

  int retrain_epochs() const;
};

constexpr const char* draft_net = "resnet18";

/// Batch by the number of training images: a power of two from 8 to 64 that makes about 20 steps an epoch.
int draft_batch(std::int64_t train);

/// The pixels a side worth trying: 224, 192, 160, 128, 96, 64, 48 and 32, as far as half of the files have as many, and always 32.
std::vector<int> draft_sizes(int median_side);

/// What a plan of one seed costs, in passes of training over all training images by the base: fixed + per_epoch * epochs of the base.
struct PlanCost {
  double fixed = 0, per_epoch = 1;
};

/// By what a run takes longer than its multiply-accumulates say: workers that start, images that are augmented, nets that are stored.
constexpr double time_reserve = 1.3;

/// Sets epochs and seeds of the draft by its minutes, slots and rate. Whether at least 20 epochs of three seeds fit; if not, it has as many
/// as do, of fewer seeds where three would have less than 10, down to 3 epochs of one seed.
bool fit_to_time(Draft& draft, const PlanCost& cost, std::int64_t train);

/// What fit_to_time takes a run of the draft to need.
double seconds_of(const Draft& draft, const PlanCost& cost, std::int64_t train);

/// The experiment as YAML with comments.
std::string to_yaml(const Draft& draft, const FolderFacts& facts);

}  // namespace search::cli
