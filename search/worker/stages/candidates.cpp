// Many width vectors of one budget, none of them trained: each is cut, made right and scored on training images. The best are listed, for
// stages that train them, and for the next round, which varies them.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
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

  /// The better before the worse; a loss that is not finite is the worst.
  bool operator<(const Tried& other) const {
    return std::tuple(-accuracy, ranked_loss(), widths) < std::tuple(-other.accuracy, other.ranked_loss(), other.widths);
  }

 private:
  double ranked_loss() const { return std::isfinite(loss) ? loss : INFINITY; }
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
    const std::vector<std::int64_t> images = eval::sample_images(*data_.dataset, 2 * wanted, context.seed(Draws::judging));
    const auto half = images.begin() + std::ssize(images) / 2;
    to_settle_.assign(images.begin(), half);
    to_judge_.assign(half, images.end());
    const bool has_norm = std::any_of(net.spec().layers.begin(), net.spec().layers.end(),
                                      [](const eval::Layer& layer) { return layer.kind == eval::LayerKind::batch_norm; });
    const std::string judge = context.parameters.at("judge");
    refits_ = judge == "refit" || (judge == "auto" && !has_norm);
    if (context.parameters.contains("refit")) refit_ = prune::refit_options_from_json(context.parameters["refit"]);
    refit_.seed = context.seed();
  }

  bool refits() const { return refits_; }

  Tried operator()(std::vector<int> widths) const {
    const prune::KeepMask mask = prune::allocate_widths(groups_, scores_, widths).mask;
    prune::Cut cut = prune::cut(net_.spec(), groups_, net_.weights(), mask);
    if (refits_) cut.weights = prune::refit(net_, groups_, mask, cut, *data_.dataset, data_.normalisation, to_settle_, refit_).weights;
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
  prune::RefitOptions refit_;
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

/// A round of candidates: what it starts from, and how its widths are made and tried.
class Round {
 public:
  /// Borrows the context. Scores the net's channels.
  explicit Round(const StageContext& context)
      : context_(context),
        parameters_(context.parameters),
        net_(context.input_net("net")),
        groups_(prune::channel_groups(net_.spec(), parameters_.at("limits").at("protect").get<std::vector<std::string>>())),
        table_(context.latency_table()),
        base_(allocation_base(net_.spec(), groups_, context.inputs.at("net").at("values").at("base"), table_)),
        scoring_(score()),
        search_(net_.spec(), groups_, request(), limits(), base_) {
    if (!context.inputs.contains("earlier")) return;
    const Json& before = context.inputs["earlier"].at("values");
    best_ = tried_from_json(before.at("best"));
    number_ = before.at("round").get<int>() + 1;
  }

  storage::StageOutcome run() {
    storage::StageOutcome outcome;
    const int wanted = parameters_.at("candidates");
    const Trial trial(context_, net_, groups_, scoring_.scores);
    const std::uint64_t stream = static_cast<std::uint64_t>(Draws::proposals) + number_;
    Proposals proposals(search_, {own_widths(), search_.uniform()}, best_, eval::mix_seed(context_.seed(), stream));
    std::set<std::vector<int>> seen;
    for (const Tried& each : best_) seen.insert(each.widths);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < wanted; ++i) {
      if (context_.stop.load()) {
        outcome.state = storage::StageState::interrupted;
        return outcome;
      }
      if (std::vector<int> widths = proposals.next(); seen.insert(widths).second) best_.push_back(trial(std::move(widths)));
      if (i % 8 == 7) context_.progress(static_cast<double>(i + 1) / wanted, fmt::format("candidate {}/{}", i + 1, wanted));
    }
    std::sort(best_.begin(), best_.end());
    best_.resize(std::min(best_.size(), kListed));
    outcome.metrics = {{"train", "candidates_per_s", wanted / storage::seconds_since(start), {}},
                       {"train", "candidate_accuracy", best_.front().accuracy, {}}};
    outcome.values = {{"round", number_}, {"best", to_json(best_)}, {"judge", trial.refits() ? "refit" : "batch_norm"}};
    outcome.state = storage::StageState::done;
    return outcome;
  }

 private:
  prune::PruneRequest request() const { return prune::prune_request_from_json(parameters_.at("request")); }
  prune::AllocationLimits limits() const { return prune::allocation_limits_from_json(parameters_.at("limits")); }

  prune::Scoring score() const {
    context_.progress(0, "scoring");
    const Json& criterion = parameters_.at("criterion");
    const TaskData& data = context_.cache.data(parameters_.at("data"));
    return prune::make_criterion(criterion.at("name"), criterion.at("options"))
        ->score({net_, groups_, data.dataset.get(), data.normalisation, context_.seed(Draws::scoring),
                 prune::combination_from_string(parameters_.at("limits").at("combine"))});
  }

  /// Those that the criterion itself would leave.
  std::vector<int> own_widths() const {
    const auto method = prune::allocation_method_from_string(parameters_.at("allocation"));
    return prune::kept_counts(
        prune::allocate(net_.spec(), groups_, scoring_.scores, request(), method, limits(), base_, scoring_.spreads).mask);
  }

  const StageContext& context_;
  const Json& parameters_;
  eval::Net net_;
  prune::ChannelGroups groups_;
  std::optional<eval::LatencyTable> table_;
  prune::AllocationBase base_;
  prune::Scoring scoring_;
  prune::WidthSearch search_;
  std::vector<Tried> best_;  ///< of this round and those before, the best first once it has run
  std::uint64_t number_ = 0;
};

}  // namespace

storage::StageOutcome run_candidates(const StageContext& context) {
  return Round(context).run();
}

}  // namespace search
