#include "prune/moments.h"

namespace prune {

using torch::Tensor;

void Moments::add(const Tensor& x) {
  const Tensor rows = x.movedim(1, -1).flatten(0, -2);
  const Tensor own_mean = rows.mean(0).to(torch::kFloat64), about = rows - own_mean.to(rows.dtype());
  add(Moments{static_cast<double>(rows.size(0)), own_mean, about.square().sum(0, false, torch::kFloat64)});
}

void Moments::add(const Moments& more) {
  if (count == 0) {
    *this = more;
    return;
  }
  const double all = count + more.count;
  const Tensor shift = more.mean - mean;
  squares = squares + more.squares + shift.square() * (count * more.count / all);
  mean = mean + shift * (more.count / all);
  count = all;
}

}  // namespace prune
