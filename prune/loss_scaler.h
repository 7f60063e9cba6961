// The scale of the loss in fp16 training, so that small gradients do not vanish. Used by the training loop.
#pragma once

namespace prune {

/// Dynamic loss scaling (Micikevicius et al. 2018): halved after a step whose gradients were not finite, which is then not taken; doubled
/// after `interval` steps that were.
struct LossScaler {
  double scale = 65536;
  int good_steps = 0;
  static constexpr int interval = 2000;

  /// Notes a step.
  void update(bool finite) {
    if (!finite) {
      scale /= 2;
      good_steps = 0;
    } else if (++good_steps == interval) {
      scale *= 2;
      good_steps = 0;
    }
  }
};

}  // namespace prune
