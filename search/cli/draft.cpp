#include "search/cli/draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace search::cli {

namespace {

constexpr int wanted_epochs = 20, most_epochs = 60, few_epochs = 10, least_epochs = 3, wanted_seeds = 3;

/// As a YAML text in double quotes; bytes beyond ASCII stay.
std::string quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\')
      quoted += std::string("\\") + letter;
    else if (static_cast<unsigned char>(letter) < 0x20)
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(letter));
    else
      quoted += letter;
  }
  return quoted + "\"";
}

/// As much of a list as fits a comment.
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 12;
  std::string list =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(shown, names.size())), ", "));
  std::replace_if(
      list.begin(), list.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return names.size() > shown ? fmt::format("{} and {} more", list, names.size() - shown) : list;
}

}  // namespace

int Draft::retrain_epochs() const {
  return std::max(1, epochs / 4);
}

int draft_batch(std::int64_t train) {
  int batch = 8;
  while (batch < 64 && 20 * 2 * std::int64_t{batch} <= train) batch *= 2;
  return batch;
}

std::vector<int> draft_sizes(int median_side) {
  std::vector<int> sizes;
  for (const int size : {224, 192, 160, 128, 96, 64, 48})
    if (size <= median_side) sizes.push_back(size);
  sizes.push_back(32);
  return sizes;
}

bool fit_to_time(Draft& draft, const PlanCost& cost, std::int64_t train) {
  const double passes = 60.0 * draft.minutes * draft.slots * draft.images_per_s / static_cast<double>(train) / time_reserve;
  const auto epochs = [&](int seeds) { return static_cast<int>(std::floor((passes / seeds - cost.fixed) / cost.per_epoch)); };
  for (draft.seeds = wanted_seeds; draft.seeds > 1 && epochs(draft.seeds) < few_epochs;) --draft.seeds;
  draft.epochs = std::clamp(epochs(draft.seeds), least_epochs, most_epochs);
  return epochs(wanted_seeds) >= wanted_epochs;
}

double seconds_of(const Draft& draft, const PlanCost& cost, std::int64_t train) {
  return draft.seeds * (cost.fixed + cost.per_epoch * draft.epochs) * static_cast<double>(train) / draft.images_per_s / draft.slots *
         time_reserve;
}

std::string to_yaml(const Draft& draft, const FolderFacts& facts) {
  const double lr = std::max(0.01, 0.05 * draft.batch / 128);
  std::string text = fmt::format(
      "# Small nets for the images of a folder, as nas-run init drafted it: {} images of {} classes,\n# {}.\n"
      "# Look first: nas-run validate THIS_FILE. Then: nas-run THIS_FILE. docs/yaml.md has every key.\n"
      "schema: 1\nname: {}\nseed: 1\n\n",
      facts.images, facts.classes.size(), some_of(facts.classes), draft.name);
  text += "tasks:\n  - {name: what, dataset: images}\n\n";
  text += fmt::format(
      "data:\n  images:\n    format: folder\n    root: {}\n"
      "    size: {}  # pixels a side; the files' shorter sides have {} to {}, half of them {} or more. The larger, the slower\n",
      quoted(facts.root), draft.base.size, facts.least_side, facts.most_side, facts.median_side);
  if (facts.gray) text += "    gray: true  # all files have one channel\n";
  if (facts.broken > 0) text += fmt::format("    bad_images: skip  # {} files cannot be read: nas-run validate lists them\n", facts.broken);
  text += fmt::format(
      "\nnets:  # nas-run nets lists others\n"
      "  - {{name: {}, width: {}}}  # {:.3g} multiply-accumulates an image; {:.3g} images a second in training here\n\n",
      draft_net, draft.base.width, draft.base.macs, draft.images_per_s);
  text +=
      "baselines:  # the control to beat: the same net, narrow from the start, of the size that is cut to\n"
      "  - {name: narrow, keep: 0.25, of: macs}\n\n";
  text += fmt::format(
      "train:\n  epochs: {}  # {}\n  batch: {}\n"
      "  optimizer: {{name: sgd, lr: {:.3g}, momentum: 0.9, weight_decay: 5.0e-4}}\n  lr_schedule: cosine\n"
      "  augment: [flip, crop]  # without flip where left and right differ, as for letters\n",
      draft.epochs,
      draft.epochs == most_epochs ? "more would hardly help" : fmt::format("as many as fit into {} minutes, all told", draft.minutes),
      draft.batch, lr);
  if (facts.imbalanced) text += "  class_weights: balanced  # the largest class has over three times the images of the smallest\n";
  text += fmt::format(
      "\nprune:\n  criteria:  # what decides which channels go; random is the control\n    - {{name: lda, variant: wilks}}\n    - l1\n    "
      "- random\n"
      "  schedules:\n    - {{name: gradual, keep: [0.5, 0.25], of: macs}}\n"
      "  retrain: {{epochs: {}, optimizer: {{name: sgd, lr: {:.3g}}}}}  # after each cut\n\n",
      draft.retrain_epochs(), lr / 2);
  text += fmt::format("search: {{strategy: sweep, seeds: {}}}  # more seeds decide more comparisons\n", draft.seeds);
  return text;
}

}  // namespace search::cli
