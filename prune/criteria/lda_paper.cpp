#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"
#include "prune/deconv.h"

namespace prune {

using torch::Tensor;

namespace {

/// Deep LDA pruning as published (Tian, Arbel, Clark 2021): v = Sb/Sw in the pre-decision layer, the fewest neurons that decide as well,
/// and their firings traced down by the deconvnet. The utility of a channel is the maximum over locations of the mean over images.
class LdaPaper : public Criterion {
 public:
  explicit LdaPaper(const storage::Json& options)
      : images_(options.at("images").get<std::int64_t>()),
        trace_images_(options.at("trace_images").get<std::int64_t>()),
        select_(options.at("select").get<std::int64_t>()),
        tolerance_(options.at("tolerance").get<double>()) {}

  Scoring score(const ScoringTask& task) const override {
    torch::NoGradGuard no_grad;
    const std::vector<std::int64_t> images = eval::sample_images(*task.data, images_, task.seed);
    const Scatter scatter = measure_scatter(task, images);
    const Tensor utility = fisher_utility(scatter);
    const Selection selection = choose(task, scatter, utility);
    Scoring scoring;
    scoring.scores = trace(task, images, selection.neurons);
    scoring.details = pre_decision_details(task, scatter, utility, selection.neurons);
    scoring.details["selection_accuracy"] = selection.accuracy;
    scoring.details["tolerance_reached"] = selection.reached;
    return scoring;
  }

 private:
  /// M' on at most as many validation images as are scored: the full net's accuracy less the tolerance is to be kept.
  Selection choose(const ScoringTask& task, const Scatter& scatter, const Tensor& utility) const {
    if (select_ > 0) {
      const Tensor order = std::get<1>(utility.sort(/*stable=*/true, /*dim=*/0, /*descending=*/true));
      const std::int64_t count = std::min(select_, order.numel());
      return {{order.data_ptr<std::int64_t>(), order.data_ptr<std::int64_t>() + count}, 0, true};
    }
    const std::span<const std::int64_t> validation = task.data->split(eval::Split::validation);
    const std::vector<std::int64_t> images(validation.begin(),
                                           validation.begin() + std::min<std::ptrdiff_t>(images_, std::ssize(validation)));
    eval::BatchLoader loader(*task.data, task.normalisation, images, {.batch = 125});
    const int layer = pre_decision_layer(task.net.spec());
    std::vector<Tensor> firings, labels;
    double right = 0;
    while (const std::optional<eval::Batch> batch = loader.next()) {
      const Tensor scores = task.net.forward(batch->images.to(task.net.device()), /*training=*/false, [&](int index, const Tensor& value) {
        if (index == layer) firings.push_back(pre_decision_firings(value).to(torch::kCPU));
        return value;
      });
      labels.push_back(batch->labels);
      right += (scores.argmax(1).to(torch::kCPU) == batch->labels).sum().item<double>();
    }
    const double accuracy = right / static_cast<double>(std::max<std::size_t>(images.size(), 1));
    return select_neurons(scatter, utility, at::cat(firings), at::cat(labels), accuracy - tolerance_);
  }

  /// `trace_images` of every class, as far as the sample has them.
  std::vector<std::int64_t> images_to_trace(const ScoringTask& task, const std::vector<std::int64_t>& images) const {
    std::vector<std::int64_t> of_class(task.data->class_names().size(), 0), chosen;
    for (std::int64_t image : images)
      if (of_class[task.data->labels()[image]]++ < trace_images_) chosen.push_back(image);
    return chosen;
  }

  Scores trace(const ScoringTask& task, const std::vector<std::int64_t>& images, const std::vector<std::int64_t>& neurons) const {
    const eval::NetSpec& spec = task.net.spec();
    const int from = pre_decision_layer(spec);
    Tensor selected = torch::zeros({static_cast<std::int64_t>(task.groups.outputs[from].size())});
    selected.index_fill_(0, torch::tensor(neurons, torch::kInt64), 1);
    const auto select = [&](const Tensor& firing) {
      std::vector<std::int64_t> shape(firing.dim(), 1);
      shape[1] = -1;
      return firing * selected.view(shape).to(firing.device());
    };
    const std::vector<int> sites = scored_sites(spec, task.groups);
    std::map<int, Tensor> maps;  // by site, summed over the images
    const auto add = [&](int layer, const Tensor& signal) {
      if (!std::binary_search(sites.begin(), sites.end(), layer)) return;
      const Tensor sum = signal.sum(0).to(torch::kCPU, torch::kFloat64);
      Tensor& map = maps[layer];
      map = map.defined() ? map + sum : sum;
    };
    const std::vector<std::int64_t> traced = images_to_trace(task, images);
    eval::BatchLoader loader(*task.data, task.normalisation, traced, {.batch = 125});
    while (const std::optional<eval::Batch> batch = loader.next())
      trace_down(task.net, batch->images.to(task.net.device()), from, select, add);

    std::map<int, Tensor> utilities;
    for (const auto& [site, map] : maps) {
      const Tensor mean = map / static_cast<double>(traced.size());
      utilities[site] = mean.dim() > 1 ? mean.flatten(1).amax(1) : mean;
    }
    return combine(task, utilities);
  }

  std::int64_t images_, trace_images_, select_;
  double tolerance_;
};

}  // namespace

std::unique_ptr<Criterion> make_lda_paper(const storage::Json& options) {
  return std::make_unique<LdaPaper>(options);
}

}  // namespace prune
