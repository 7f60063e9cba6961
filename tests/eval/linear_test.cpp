#include "eval/nets/linear.h"

#include <catch2/catch.hpp>

#include "eval/precision.h"
#include "support/difference.h"
#include "support/threads.h"

using support::relative_difference;
using torch::Tensor;

// Sums in double by LibTorch's matrix product are the reference. 1024 x 1100 is what oneDNN computes where LibTorch has no MKL.
TEST_CASE("a linear layer is what its products in double are, forward and backward, for any number of images and threads") {
  torch::manual_seed(12);
  for (const int threads : {1, 2})
    for (const std::int64_t images : {1, 15, 16, 33})
      for (const std::int64_t inputs : {7, 1100})
        for (const bool has_bias : {false, true}) {
          INFO(threads << " threads, " << images << " images, " << inputs << " inputs, bias " << has_bias);
          const support::Threads scope(threads);
          const std::int64_t outputs = inputs == 7 ? 3 : 1024;
          Tensor x = torch::randn({images, inputs}).requires_grad_(), weight = torch::randn({outputs, inputs}).requires_grad_();
          Tensor bias = has_bias ? torch::randn({outputs}).requires_grad_() : Tensor();
          const Tensor pull = torch::randn({images, outputs});
          const Tensor y = eval::linear(x, weight, bias);
          y.backward(pull);
          const Tensor wide = x.detach().to(torch::kFloat64), w = weight.detach().to(torch::kFloat64), up = pull.to(torch::kFloat64);
          Tensor wanted = at::mm(wide, w.t());
          if (has_bias) wanted = wanted + bias.detach();
          CHECK(y.is_contiguous());
          CHECK(relative_difference(y.detach(), wanted) < 1e-5);
          CHECK(relative_difference(x.grad(), at::mm(up, w)) < 1e-5);
          CHECK(relative_difference(weight.grad(), at::mm(up.t(), wide)) < 1e-5);
          if (has_bias) CHECK(relative_difference(bias.grad(), up.sum(0)) < 1e-5);
          CHECK(torch::equal(eval::linear(x, weight, bias), y));
        }
}

TEST_CASE("a linear layer takes transposed weights, doubles and bf16") {
  torch::manual_seed(13);
  const Tensor x = torch::randn({5, 1024}), weight = torch::randn({1024, 1100});
  CHECK(relative_difference(eval::linear(x, weight.t()), at::mm(x, weight)) < 1e-5);
  const Tensor wide = x.to(torch::kFloat64), w = weight.to(torch::kFloat64);
  CHECK(torch::equal(eval::linear(wide, w.t()), at::linear(wide, w.t())));
  const eval::PrecisionScope scope(eval::Precision::bf16, torch::kCPU);
  CHECK(eval::linear(x, weight.t()).scalar_type() == torch::kBFloat16);
}
