#include "prune/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace prune {

double lr_factor(const TrainOptions& options, double step, double steps, double warmup) {
  if (step < warmup) return (step + 1) / (warmup + 1);
  if (options.lr_schedule == "step") return std::pow(options.lr_gamma, std::floor(step * options.epochs / steps / options.lr_every));
  if (options.lr_schedule != "cosine") return 1;
  return 0.5 * (1 + std::cos(std::numbers::pi * (step - warmup) / std::max(steps - warmup, 1.0)));
}

double rate_before_end(const TrainOptions& options, int epochs) {
  const double at = std::max(options.warmup, static_cast<double>(options.epochs - epochs));
  return options.optimizer.lr * lr_factor(options, at, options.epochs, options.warmup);
}

double plateau_factor(const TrainOptions& options, const std::vector<Epoch>& history) {
  if (options.lr_schedule != "plateau") return 1;
  double factor = 1, best = -1;
  int waited = 0;
  for (const Epoch& epoch : history) {
    if (epoch.val_accuracy > best) {
      best = epoch.val_accuracy;
      waited = 0;
    } else if (++waited == options.lr_every) {
      factor *= options.lr_gamma;
      waited = 0;
    }
  }
  return factor;
}

int epochs_since_best(const std::vector<Epoch>& history) {
  const auto best =
      std::max_element(history.begin(), history.end(), [](const Epoch& a, const Epoch& b) { return a.val_accuracy < b.val_accuracy; });
  return best == history.end() ? 0 : static_cast<int>(history.end() - best) - 1;
}

}  // namespace prune
