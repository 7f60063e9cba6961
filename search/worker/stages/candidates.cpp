// Many width vectors of one budget, none of them trained: each is cut, made right and scored on training images. The best are listed, for
// stages that train them, and for the next round, which varies them.
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>
#include <tuple>

#include "eval/accuracy.h"
#include "prune/batch_norm.h"
#include "prune/criteria/criterion.h"
#include "prune/refit.h"
#include "prune/surgery.h"
#include "prune/width_search.h"
#include "search/worker/stages/base_net.h"
#include "search/worker/stages/stages.h"
#include "storage/base/time.h"

namespace search {

namespace {

/// How many of the best are listed.
constexpr std::size_t kListed = 50;

struct Tried {
  std::vector<int> widths;
  double accuracy = 0, loss = 0;

  bool operator<(const Tried& other) const {
    return std::tuple(-accuracy, loss, widths) < std::tuple(-other.accuracy, other.loss, other.widths);
  }
};

/// Proposes widths: first around the criterion's own allocation and around one share for all, and at random; then children of the best.
class Proposals {
 public:
  Proposals(const prune::WidthSearch& search, std::vector<std::vector<int>> seeds, std::vector<Tried> parents, std::uint64_t seed)
      : search_(search), seeds_(std::move(seeds)), parents_(std::move(parents)), draws_(seed) {}

  std::vector<int> next() {
    const std::size_t turn = made_++;
    if (parents_.empty()) {
      if (turn < seeds_.size()) return seeds_[turn];
      const std::size_t way = turn % (seeds_.size() + 1);
      return way < seeds_.size() ? search_.varied(seeds_[way], draws_) : search_.random(draws_);
    }
    if (turn % 8 == 7) return search_.random(draws_);
    return turn % 2 == 0 ? search_.varied(parent(), draws_) : search_.mixed(parent(), parent(), draws_);
  }

 private:
  /// One of the best, the better the likelier: the better of two draws.
  const std::vector<int>& parent() {
    const std::size_t one = draws_() % parents_.size(), other = draws_() % parents_.size();
    return parents_[std::min(one, other)].widths;
  }

  const prune::WidthSearch& search_;
  std::vector<std::vector<int>> seeds_;
  std::vector<Tried> parents_;  // the best first
  std::mt19937_64 draws_;
  std::size_t made_ = 0;
};

/// Cuts a net to widths, makes it right without training, and scores it.
class Trial {
 public:
  Trial(const StageContext& context, const eval::Net& net, const prune::ChannelGroups& groups, const prune::Scores& scores)
      : context_(context), net_(net), groups_(groups), scores_(scores), data_(context.cache.data(context.parameters.at("data"))) {
    const auto wanted = context.parameters.at("images").get<std::int64_t>();
    const auto seed = eval::mix_seed(context.parameters.at("seed").get<std::uint64_t>(), 4);
    const std::vector<std::int64_t> images = eval::sample_images(*data_.dataset, 2 * wanted, seed);
    const auto half = images.begin() + std::ssize(images) / 2;
    to_settle_.assign(images.begin(), half);
    to_judge_.assign(half, images.end());
    const bool has_norm = std::any_of(net.spec().layers.begin(), net.spec().layers.end(),
                                      [](const eval::Layer& layer) { return layer.kind == eval::LayerKind::batch_norm; });
    const std::string judge = context.parameters.at("judge");
    refits_ = judge == "refit" || (judge == "auto" && !has_norm);
  }

  bool refits() const { return refits_; }

  Tried operator()(std::vector<int> widths) const {
    const prune::KeepMask mask = prune::allocate_widths(groups_, scores_, widths).mask;
    prune::Cut cut = prune::cut(net_.spec(), groups_, net_.weights(), mask);
    if (refits_)
      cut.weights = prune::refit(net_, groups_, mask, cut, *data_.dataset, data_.normalisation,
                                 {.images = std::ssize(to_settle_), .seed = context_.parameters.at("seed").get<std::uint64_t>()})
                        .weights;
    eval::Net smaller(cut.spec, std::move(cut.weights), context_.device);
    if (!refits_) prune::recalibrate_batch_norm(smaller, *data_.dataset, data_.normalisation, to_settle_);
    const eval::Evaluation judged = eval::evaluate(smaller, *data_.dataset, data_.normalisation, to_judge_);
    return {std::move(widths), judged.accuracy, judged.loss};
  }

 private:
  const StageContext& context_;
  const eval::Net& net_;
  const prune::ChannelGroups& groups_;
  const prune::Scores& scores_;
  const TaskData& data_;
  std::vector<std::int64_t> to_settle_, to_judge_;  // training images
  bool refits_ = false;
};

std::vector<Tried> tried_from_json(const Json& best) {
  std::vector<Tried> all;
  for (const Json& each : best) all.push_back({each.at("widths"), each.at("accuracy"), storage::number_from_json(each.at("loss"))});
  return all;
}

Json to_json(const std::vector<Tried>& best) {
  Json all = Json::array();
  for (const Tried& each : best)
    all.push_back({{"widths", each.widths}, {"accuracy", each.accuracy}, {"loss", storage::number_to_json(each.loss)}});
  return all;
}

}  // namespace

storage::StageOutcome run_candidates(const StageContext& context) {
  const Json& parameters = context.parameters;
  const TaskData& data = context.cache.data(parameters.at("data"));
  const eval::Net net = context.input_net("net");
  const Json &limits = parameters.at("limits"), &criterion = parameters.at("criterion");
  const prune::ChannelGroups groups = prune::channel_groups(net.spec(), limits.at("protect").get<std::vector<std::string>>());
  const prune::AllocationBase base = allocation_base(net.spec(), groups, context.inputs.at("net").at("values").at("base"));
  const prune::PruneRequest request = prune::prune_request_from_json(parameters.at("request"));
  const prune::AllocationLimits bounds = prune::allocation_limits_from_json(limits);
  const auto seed = parameters.at("seed").get<std::uint64_t>();

  context.progress(0, "scoring");
  const prune::Scoring scoring = prune::make_criterion(criterion.at("name"), criterion.at("options"))
                                     ->score({net, groups, data.dataset.get(), data.normalisation, eval::mix_seed(seed, 2),
                                              prune::combination_from_string(limits.at("combine"))});
  const prune::WidthSearch search(net.spec(), groups, request, bounds, base);
  const prune::Allocation own =
      prune::allocate(net.spec(), groups, scoring.scores, request, prune::allocation_method_from_string(parameters.at("allocation")),
                      bounds, base, scoring.spreads);
  const Json before = context.inputs.contains("earlier") ? context.inputs["earlier"].at("values") : Json();
  std::vector<Tried> best = before.is_null() ? std::vector<Tried>() : tried_from_json(before.at("best"));
  const int round = before.is_null() ? 0 : before.at("round").get<int>() + 1;
  Proposals proposals(search, {prune::kept_counts(own.mask), search.uniform()}, best,
                      eval::mix_seed(seed, 100 + static_cast<std::uint64_t>(round)));
  const Trial trial(context, net, groups, scoring.scores);

  storage::StageOutcome outcome;
  const int wanted = parameters.at("candidates");
  std::set<std::vector<int>> seen;
  for (const Tried& each : best) seen.insert(each.widths);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < wanted; ++i) {
    if (context.stop.load()) {
      outcome.state = storage::StageState::interrupted;
      return outcome;
    }
    if (std::vector<int> widths = proposals.next(); seen.insert(widths).second) best.push_back(trial(std::move(widths)));
    if (i % 8 == 7) context.progress(static_cast<double>(i + 1) / wanted, fmt::format("candidate {}/{}", i + 1, wanted));
  }
  outcome.metrics.push_back({"train", "candidates_per_s", wanted / storage::seconds_since(start), {}});
  std::sort(best.begin(), best.end());
  best.resize(std::min(best.size(), kListed));
  outcome.metrics.push_back({"train", "candidate_accuracy", best.front().accuracy, {}});
  outcome.values = {{"round", round}, {"best", to_json(best)}, {"judge", trial.refits() ? "refit" : "batch_norm"}};
  outcome.state = storage::StageState::done;
  return outcome;
}

}  // namespace search
