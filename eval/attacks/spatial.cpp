#include <cmath>
#include <limits>
#include <numbers>

#include "eval/attacks/members.h"
#include "eval/data/seed.h"

namespace eval {

namespace {

/// The worst of k (Engstrom et al. 2019, section 3): of some rotations and shifts of each image the one with the largest loss of the true
/// class.
class Spatial : public Attack {
 public:
  explicit Spatial(const storage::Json& options)
      : rotation_(options.at("rotation")), shift_(options.at("shift")), samples_(options.at("samples")) {}

  torch::Tensor perturb(const PixelScores& scores, const AttackBatch& batch) const override {
    const torch::NoGradGuard no_grad;
    torch::Tensor worst = batch.images, losses = torch::full({batch.images.size(0)}, -std::numeric_limits<float>::infinity());
    losses = losses.to(batch.images.device());
    for (int sample = 0; sample < samples_; ++sample) {
      std::vector<Move> moves;
      for (const std::uint64_t seed : batch.seeds) moves.push_back(draw(mix_seed(seed, static_cast<std::uint64_t>(sample))));
      const torch::Tensor images = moved_images(batch.images, moves);
      const torch::Tensor loss = at::cross_entropy_loss(scores(images), batch.labels, {}, at::Reduction::None);
      worst = at::where((loss > losses).view({-1, 1, 1, 1}), images, worst);
      losses = at::maximum(loss, losses);
    }
    return worst;
  }

 private:
  Move draw(std::uint64_t seed) const {
    const auto between = [&](double bound, std::uint64_t part) { return bound * (2 * unit_number(mix_seed(seed, part)) - 1); };
    return {between(rotation_, 0), between(shift_, 1), between(shift_, 2)};
  }

  double rotation_, shift_;
  int samples_;
};

}  // namespace

torch::Tensor moved_images(const torch::Tensor& images, const std::vector<Move>& moves) {
  const double height = static_cast<double>(images.size(2)), width = static_cast<double>(images.size(3));
  std::vector<float> maps;  // of the places of the result, from -1 to 1 along each side, to those of the image
  for (const Move& move : moves) {
    const double angle = move.degrees * std::numbers::pi / 180, cosine = std::cos(angle), sine = std::sin(angle);
    const double right = 2 * move.right, down = 2 * move.down;  // undone before the rotation is
    const double row[] = {cosine,
                          -sine * height / width,
                          -cosine * right + sine * height / width * down,
                          sine * width / height,
                          cosine,
                          -sine * width / height * right - cosine * down};
    maps.insert(maps.end(), std::begin(row), std::end(row));
  }
  const torch::Tensor map = torch::tensor(maps, torch::kFloat32).view({-1, 2, 3}).to(images.device());
  const torch::Tensor grid = at::affine_grid_generator(map, images.sizes(), /*align_corners=*/false);
  constexpr int bilinear = 0, zeros = 0;
  return at::grid_sampler(images, grid, bilinear, zeros, /*align_corners=*/false).clamp(0, 1);
}

std::unique_ptr<Attack> make_spatial(const storage::Json& options) {
  return std::make_unique<Spatial>(options);
}

}  // namespace eval
