#include <algorithm>
#include <map>
#include <numeric>

#include "eval/batches.h"
#include "eval/cost.h"
#include "prune/algebra.h"
#include "prune/criteria/members.h"
#include "prune/criteria/scoring.h"
#include "prune/elimination.h"
#include "prune/layer_samples.h"

namespace prune {

using torch::Tensor;

namespace {

/// Inputs of a layer that are taken: of more, each channel's are thinned out.
constexpr std::int64_t most_inputs = 6000;
/// Bytes of the sums that one pass over the images gathers; a set of layers that needs more has a pass of its own.
constexpr std::int64_t pass_memory = 600'000'000;
/// Rows that are summed up together.
constexpr std::int64_t most_rows = 2048;

/// The inputs of one group of a layer's filters: those of each unit that can be cut, unit by unit, then the others.
struct Inputs {
  std::vector<std::int64_t> columns;  ///< of what `windows` gives
  std::vector<Block> blocks;          ///< of `columns`, a unit each
  std::vector<Unit> units;            ///< by block
};

/// A layer that reads channels which can be cut.
struct Reader {
  int layer = 0;
  std::int64_t area = 1, width = 1;  ///< of its outputs' maps
  std::int64_t places = 1;           ///< of an image
  std::vector<Inputs> groups;
  std::vector<Tensor> sums;                       ///< by group: Z'Z in double, Z the taken columns of all samples and one of ones
  std::vector<std::vector<Tensor>> waiting = {};  ///< by group: rows of Z that are not summed yet
  std::int64_t samples = 0, rows_waiting = 0;

  const Unit& any_unit() const {
    return std::find_if(groups.begin(), groups.end(), [](const Inputs& inputs) { return !inputs.units.empty(); })->units.front();
  }

  /// Sums up what waits. Of few rows at a time it would take long.
  void sum_up() {
    if (rows_waiting == 0) return;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const Tensor z = at::cat(std::exchange(waiting[g], {})).unsqueeze(0);
      const Tensor more = normal_equations(z, z.size(2))[0].cpu();
      if (sums.size() <= g)
        sums.push_back(more);
      else
        sums[g] += more;
    }
    samples += std::exchange(rows_waiting, 0);
  }
};

Inputs inputs_of(const ChannelGroups& groups, const std::vector<Unit>& channels, std::int64_t first, std::int64_t count,
                 std::int64_t window, std::uint64_t seed) {
  std::vector<std::vector<std::int64_t>> of_unit;
  std::vector<std::int64_t> others;
  std::map<std::pair<int, int>, std::size_t> seen;
  Inputs inputs;
  for (std::int64_t c = 0; c < count; ++c) {
    const Unit& unit = channels[first + c];
    std::vector<std::int64_t>* columns = &others;
    if (groups.groups[unit.group].fixed.empty()) {
      const auto [at, is_new] = seen.try_emplace({unit.group, unit.index}, of_unit.size());
      if (is_new) {
        of_unit.emplace_back();
        inputs.units.push_back(unit);
      }
      columns = &of_unit[at->second];
    }
    for (std::int64_t w = 0; w < window; ++w) columns->push_back(w * count + c);
  }
  const double share = std::min(1.0, static_cast<double>(most_inputs) / static_cast<double>(count * window));
  const auto take = [&](const std::vector<std::int64_t>& columns) {
    const auto all = std::ssize(columns);
    const std::int64_t taken = std::max<std::int64_t>(all > 0, static_cast<std::int64_t>(share * static_cast<double>(all)));
    const Tensor drawn = draw_places(0, 1, all, taken, seed);  // the same of every unit
    for (std::int64_t i = 0; i < taken; ++i) inputs.columns.push_back(columns[drawn.data_ptr<std::int64_t>()[i]]);
    return taken;
  };
  for (const std::vector<std::int64_t>& columns : of_unit) {
    const auto start = std::ssize(inputs.columns);
    inputs.blocks.push_back({start, take(columns)});
  }
  take(others);
  return inputs;
}

/// A reader's least squares in one group of its filters, and what its error counts.
struct Regression {
  BlockElimination elimination;
  std::vector<Unit> units;  ///< by block
  double scale = 1;         ///< one over the sum of squares of the layer's outputs about their mean
};

/// How much worse the layers that read a channel are fitted by what they read besides (prune/elimination.h), from one matrix X'X for each
/// layer over sampled places of sampled images. Channels go one by one, the one whose loss raises the readers' errors least; each error
/// counts as a share of the variance of that layer's outputs, and what several layers read counts in all of them. The score is the error at
/// which a channel goes. Related: ThiNet (Luo, Wu, Lin 2017, arXiv 1707.06342), channel pruning (He, Zhang, Sun 2017, arXiv 1707.06168).
class Reconstruct : public Criterion {
 public:
  explicit Reconstruct(const storage::Json& options)
      : images_(options.at("images").get<std::int64_t>()), ridge_(options.at("ridge").get<double>()) {}

  Scoring score(const ScoringTask& task) const override {
    torch::NoGradGuard no_grad;
    const std::vector<std::int64_t> images = eval::sample_images(*task.data, images_, task.seed);
    std::vector<std::vector<Reader>> sets = related(task, readers_of(task, std::ssize(images)));
    Scoring scoring{.images = std::ssize(images)};
    for (const ChannelGroup& group : task.groups.groups) scoring.scores.emplace_back(group.fixed.empty() ? group.size : 0, 0.0);
    for (std::size_t first = 0; first < sets.size();) {
      std::size_t last = first;
      std::int64_t bytes = 0;
      do bytes += bytes_of(sets[last++]);
      while (last < sets.size() && bytes + bytes_of(sets[last]) <= pass_memory);
      const std::span<std::vector<Reader>> pass(sets.data() + first, last - first);
      gather(task, images, pass);
      for (std::vector<Reader>& set : pass) eliminate(task, std::exchange(set, {}), scoring);
      first = last;
    }
    return scoring;
  }

 private:
  static std::vector<Reader> readers_of(const ScoringTask& task, std::int64_t images) {
    const eval::NetSpec& spec = task.net.spec();
    const std::vector<eval::Shape> shapes = eval::output_shapes(spec);
    std::vector<Reader> readers;
    for (int layer = 0; layer < static_cast<int>(spec.layers.size()); ++layer) {
      const eval::Layer& own = spec.layers[layer];
      if (!eval::has_filters(own.kind)) continue;
      const std::vector<Unit>& channels = task.groups.outputs[own.inputs[0]];
      // A depthwise filter goes with the channel that it reads: no output is left that would miss it.
      if (is_depthwise(own, static_cast<int>(channels.size()))) continue;
      const bool cut =
          std::any_of(channels.begin(), channels.end(), [&](const Unit& unit) { return task.groups.groups[unit.group].fixed.empty(); });
      if (!cut) continue;
      Reader reader{.layer = layer, .area = std::int64_t{shapes[layer].height} * shapes[layer].width, .width = shapes[layer].width};
      const std::int64_t count = std::ssize(channels) / own.groups,
                         window = own.kind == eval::LayerKind::linear ? 1 : std::int64_t{own.kernel[0]} * own.kernel[1];
      for (int group = 0; group < own.groups; ++group)
        reader.groups.push_back(inputs_of(task.groups, channels, group * count, count, window, task.seed));
      reader.places = places_of(std::ssize(reader.groups[0].columns), reader.area, images);
      reader.waiting.resize(reader.groups.size());
      readers.push_back(std::move(reader));
    }
    return readers;
  }

  /// The readers in sets, so that no channel is read by layers of two sets.
  static std::vector<std::vector<Reader>> related(const ScoringTask& task, std::vector<Reader> readers) {
    std::vector<int> set_of(task.groups.groups.size());  // by channel group
    std::iota(set_of.begin(), set_of.end(), 0);
    for (const Reader& reader : readers) {
      const int set = set_of[reader.any_unit().group];
      for (const Inputs& inputs : reader.groups)
        for (const Unit& unit : inputs.units) std::replace(set_of.begin(), set_of.end(), int{set_of[unit.group]}, set);
    }
    std::map<int, std::vector<Reader>> sets;
    for (Reader& reader : readers) sets[set_of[reader.any_unit().group]].push_back(std::move(reader));
    std::vector<std::vector<Reader>> result;
    for (auto& [number, set] : sets) result.push_back(std::move(set));
    return result;
  }

  static std::int64_t bytes_of(const std::vector<Reader>& set) {
    std::int64_t bytes = 0;
    for (const Reader& reader : set)
      for (const Inputs& inputs : reader.groups)
        bytes += std::int64_t{sizeof(double)} * std::ssize(inputs.columns) * std::ssize(inputs.columns);
    return bytes;
  }

  static void gather(const ScoringTask& task, const std::vector<std::int64_t>& images, std::span<std::vector<Reader>> sets) {
    const eval::NetSpec& spec = task.net.spec();
    std::vector<Reader*> readers;
    std::int64_t values = 2 * eval::peak_activations(spec);  // of an image
    for (std::vector<Reader>& set : sets)
      for (Reader& reader : set) {
        readers.push_back(&reader);
        for (const Inputs& inputs : reader.groups) values += reader.places * std::ssize(inputs.columns);
      }
    std::int64_t taken = 0;
    eval::for_each_batch(
        task.net, *task.data, task.normalisation, images, eval::images_that_fit(values, eval::statistics_batch),
        [&](const Tensor& pixels, const Tensor&) {
          std::vector<std::vector<Tensor>> found(readers.size());  // by reader and group: [samples, columns and ones]
          task.net.forward(pixels, /*training=*/false, [&](int layer, const Tensor& output) {
            for (std::size_t r = 0; r < readers.size(); ++r)
              if (spec.layers[readers[r]->layer].inputs[0] == layer) found[r] = rows(task, *readers[r], output, taken);
            return output;
          });
          return found;
        },
        [&](std::vector<std::vector<Tensor>> found) {
          taken += found[0][0].size(0) / readers[0]->places;
          for (std::size_t r = 0; r < readers.size(); ++r) {
            Reader& reader = *readers[r];
            reader.rows_waiting += found[r][0].size(0);
            for (std::size_t g = 0; g < found[r].size(); ++g) reader.waiting[g].push_back(std::move(found[r][g]));
            if (reader.rows_waiting >= most_rows) reader.sum_up();
          }
        });
    for (Reader* reader : readers) reader->sum_up();
  }

  /// By group of the filters: what a reader takes of its input, and ones. first: the number of the first image.
  static std::vector<Tensor> rows(const ScoringTask& task, const Reader& reader, const Tensor& input, std::int64_t first) {
    const std::uint64_t seed = eval::mix_seed(task.seed, static_cast<std::uint64_t>(reader.layer));
    const Tensor places = draw_places(first, input.size(0), reader.area, reader.places, seed).to(task.net.device());
    const Tensor all = windows(task.net.spec().layers[reader.layer], input, places, reader.width);
    const Tensor ones = torch::ones({all.size(0), 1}, all.options());
    std::vector<Tensor> found;
    for (std::size_t g = 0; g < reader.groups.size(); ++g) {
      const Tensor columns = torch::tensor(reader.groups[g].columns, torch::kInt64).to(task.net.device());
      found.push_back(at::cat({all.select(1, static_cast<std::int64_t>(g)).index_select(1, columns), ones}, 1));
    }
    return found;
  }

  /// Adds a reader's regressions, one for each group of its filters that reads channels which can be cut. Its sums are freed on the way.
  void add_regressions(const ScoringTask& task, const std::vector<std::vector<int>>& consumers, Reader reader,
                       std::vector<Regression>& regressions) const {
    const eval::Layer& layer = task.net.spec().layers[reader.layer];
    const Tensor rows = rows_of(layer, task.net.weights().at(layer.name + ".weight")).cpu();
    const bool centred = intercept_of(task.net.spec(), consumers, reader.layer) != Intercept::none;
    const std::size_t before = regressions.size();
    double squares = 0;
    for (std::size_t g = 0; g < reader.groups.size(); ++g) {
      const Inputs& inputs = reader.groups[g];
      const auto p = std::ssize(inputs.columns);
      const Tensor sums = std::exchange(reader.sums[g], Tensor());
      const Tensor mean = sums.slice(0, p).slice(1, 0, p) / static_cast<double>(reader.samples),
                   about = at::addmm(sums.slice(0, 0, p).slice(1, 0, p), mean.t(), mean, 1, -static_cast<double>(reader.samples));
      const Tensor weights =
          rows[static_cast<std::int64_t>(g)].t().index_select(0, torch::tensor(inputs.columns, torch::kInt64)).to(torch::kFloat64);
      squares += (weights * products(about.unsqueeze(0), weights.unsqueeze(0))[0]).sum().item<double>();
      if (inputs.units.empty()) continue;
      const Tensor gram = centred ? about : sums.slice(0, 0, p).slice(1, 0, p);
      if (reader.samples >= 2 * p)
        regressions.push_back({{gram, weights, inputs.blocks, ridge_}, inputs.units});
      else
        regressions.push_back(by_coefficients(gram, weights, inputs));
    }
    for (std::size_t i = before; i < regressions.size(); ++i) regressions[i].scale = squares > 0 ? 1 / squares : 0;
  }

  /// Where there are too few samples for the weights: one coefficient for all that a channel gives to the outputs (He, Zhang, Sun 2017,
  /// section 3.1.1). The products of what two channels give are the sums of X'X times WW' over their inputs.
  Regression by_coefficients(const Tensor& gram, const Tensor& weights, const Inputs& inputs) const {
    std::vector<std::int64_t> of_column(inputs.columns.size(), std::ssize(inputs.blocks));
    for (std::size_t b = 0; b < inputs.blocks.size(); ++b)
      std::fill_n(of_column.begin() + inputs.blocks[b].first, inputs.blocks[b].count, static_cast<std::int64_t>(b));
    const Tensor of = torch::tensor(of_column, torch::kInt64), outer = weights.t().unsqueeze(0);
    const Tensor each = gram * products(outer, outer)[0];
    const auto channels = std::ssize(inputs.blocks) + (of_column.back() == std::ssize(inputs.blocks));  // what stays is one more
    const Tensor half = torch::zeros({channels, each.size(1)}, each.options()).index_add_(0, of, each);
    std::vector<Block> blocks;
    for (std::int64_t b = 0; b < std::ssize(inputs.blocks); ++b) blocks.push_back({b, 1});
    return {{torch::zeros({channels, channels}, each.options()).index_add_(1, of, half), torch::ones({channels, 1}, each.options()), blocks,
             ridge_},
            inputs.units};
  }

  /// Takes the channels that a set of readers shares away, one by one.
  void eliminate(const ScoringTask& task, std::vector<Reader> readers, Scoring& scoring) const {
    const std::vector<std::vector<int>> consumers = eval::consumers(task.net.spec());
    std::vector<Regression> regressions;
    for (Reader& reader : readers) add_regressions(task, consumers, std::move(reader), regressions);
    std::map<std::pair<int, int>, std::vector<std::pair<std::size_t, std::size_t>>> left;  // unit: regressions and their blocks
    for (std::size_t r = 0; r < regressions.size(); ++r)
      for (std::size_t b = 0; b < regressions[r].units.size(); ++b)
        left[{regressions[r].units[b].group, regressions[r].units[b].index}].emplace_back(r, b);
    double error = 0;
    while (!left.empty()) {
      const auto rise = [&](const auto& unit) {
        double sum = 0;
        for (const auto& [r, b] : unit.second) sum += regressions[r].scale * regressions[r].elimination.rises()[b];
        return sum;
      };
      auto least = left.begin();
      double lowest = rise(*least);
      for (auto unit = std::next(least); unit != left.end(); ++unit)
        if (const double now = rise(*unit); now < lowest) least = unit, lowest = now;
      error += lowest;
      scoring.scores[least->first.first][least->first.second] = error;
      for (const auto& [r, b] : least->second) regressions[r].elimination.remove(b);
      left.erase(least);
    }
  }

  std::int64_t images_;
  double ridge_;
};

}  // namespace

std::unique_ptr<Criterion> make_reconstruct(const storage::Json& options) {
  return std::make_unique<Reconstruct>(options);
}

}  // namespace prune
