#include "search/cli/draft.h"

#include <catch2/catch.hpp>

#include "search/experiment/yaml/yaml_node.h"

using namespace search;
using namespace search::cli;

TEST_CASE("sizes go no further than half of the files, and batches make about twenty steps") {
  CHECK(draft_sizes(500) == std::vector<int>{224, 192, 160, 128, 96, 64, 48, 32});
  CHECK(draft_sizes(100) == std::vector<int>{96, 64, 48, 32});
  CHECK(draft_sizes(16) == std::vector<int>{32});
  CHECK(draft_batch(10) == 8);
  CHECK(draft_batch(160) == 8);
  CHECK(draft_batch(320) == 16);
  CHECK(draft_batch(1'000'000) == 64);
}

TEST_CASE("epochs and seeds fill the time") {
  // Three seeds of 5 + 2 * epochs passes over 1000 images at 100 a second on 2 slots: 5 s a pass, 6.5 with the reserve.
  Draft draft{.images_per_s = 100, .minutes = 30, .slots = 2};
  const PlanCost cost{5, 2};
  CHECK(fit_to_time(draft, cost, 1000));
  CHECK(draft.seeds == 3);
  CHECK(draft.epochs == 43);  // 1800 / 6.5 / 3 = 92.3 passes a seed; (92.3 - 5) / 2
  CHECK(seconds_of(draft, cost, 1000) == Approx(3 * (5 + 2 * 43) * 6.5));
  draft.minutes = 600;
  CHECK(fit_to_time(draft, cost, 1000));
  CHECK(draft.epochs == 60);
  draft.minutes = 15;  // 46.2 passes a seed: 20 epochs
  CHECK(fit_to_time(draft, cost, 1000));
  CHECK(draft.epochs == 20);
  draft.minutes = 10;  // 30.8: 12 epochs
  CHECK_FALSE(fit_to_time(draft, cost, 1000));
  CHECK(draft.epochs == 12);
  CHECK(draft.seeds == 3);
  draft.minutes = 6;  // 18.5 for each of three, 27.7 for each of two: 11 epochs
  CHECK_FALSE(fit_to_time(draft, cost, 1000));
  CHECK(draft.seeds == 2);
  CHECK(draft.epochs == 11);
  draft.minutes = 1;  // 9.2 passes in all
  CHECK_FALSE(fit_to_time(draft, cost, 1000));
  CHECK(draft.seeds == 1);
  CHECK(draft.epochs == 3);
}

TEST_CASE("a draft is YAML whatever the folder and the classes are called") {
  const FolderFacts facts{.root = "od\"d\\na\tme # x: {",
                          .classes = {"a\nb (3)", "c (4)"},
                          .images = 7,
                          .train = 5,
                          .least_side = 10,
                          .median_side = 20,
                          .most_side = 30,
                          .gray = true,
                          .imbalanced = true,
                          .broken = 2};
  const Draft draft{
      .name = "odd", .base = {32, 0.25, 1e6}, .images_per_s = 12, .minutes = 5, .slots = 1, .epochs = 9, .batch = 8, .seeds = 2};
  const YamlNode root = parse_yaml(to_yaml(draft, facts), "f");
  const YamlNode& images = *root.find("data")->find("images");
  CHECK(images.find("root")->text == facts.root);
  CHECK(images.find("size")->text == "32");
  CHECK(images.find("gray")->text == "true");
  CHECK(images.find("bad_images")->text == "skip");
  CHECK(root.find("train")->find("epochs")->text == "9");
  CHECK(root.find("train")->find("class_weights")->text == "balanced");
  CHECK(root.find("prune")->find("retrain")->find("epochs")->text == "2");
  CHECK(root.find("search")->find("seeds")->text == "2");
}
