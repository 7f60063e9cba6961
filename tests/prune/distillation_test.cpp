#include "prune/distillation.h"

#include <catch2/catch.hpp>

using torch::Tensor;

namespace {

struct Scores {
  Tensor given = torch::tensor({{2.0, -1.0, 0.5}, {0.3, 0.1, -0.7}}, torch::kFloat64);
  Tensor wanted = torch::tensor({{1.0, 0.0, 2.0}, {-1.0, 0.5, 0.2}}, torch::kFloat64);
  Tensor labels = torch::tensor({0, 2}, torch::kInt64);

  double distance(const prune::DistillOptions& options) const {
    return prune::distance_to_teacher(given, wanted, labels, options).item<double>();
  }
};

}  // namespace

TEST_CASE("distances to a teacher, whole and decoupled, as NumPy has them") {
  // From the definitions, at temperature 2: sum p log(p / q) over classes, times 4; over {label, rest}, plus 3 times over the rest.
  const Scores scores;
  CHECK(scores.distance({.form = "kd", .temperature = 2}) == Approx(1.0436178754242844).epsilon(1e-12));
  CHECK(scores.distance({.form = "dkd", .temperature = 2, .nontarget = 3}) == Approx(1.906239068350326).epsilon(1e-12));
}

TEST_CASE("a net that gives its teacher's scores is at no distance, and the gradient is finite where a class is certain") {
  Scores scores;
  scores.given = scores.wanted.clone();
  CHECK(scores.distance({.form = "dkd"}) == Approx(0).margin(1e-12));
  Tensor given = torch::tensor({{80.0, -80.0, 0.0}, {0.0, 0.0, 90.0}}).requires_grad_();
  prune::distance_to_teacher(given, torch::tensor({{90.0, 0.0, -90.0}, {0.0, 0.0, 100.0}}), scores.labels,
                             {.form = "dkd", .temperature = 1})
      .backward();
  CHECK(given.grad().isfinite().all().item<bool>());
}
