#include "search/experiment/strategy_catalog.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/base/named.h"

namespace search {

namespace {

using storage::OptionKind;

constexpr const char *pareto_prefix = "pareto-", *beam_prefix = "beam-";

storage::Option size_option(const char* fallback) {
  return {.name = "of", .kind = OptionKind::choice, .fallback = fallback, .doc = "what is made small", .choices = {"params", "macs"}};
}

storage::Option factors_option() {
  return {.name = "factors",
          .kind = OptionKind::reals,
          .fallback = {0.5, 0.7, 0.85},
          .doc = "shares of a net that a cut may leave",
          .min = 0.01,
          .max = 0.99,
          .filled = true};
}

const std::vector<StrategyInfo>& strategy_catalog() {
  static const std::vector<StrategyInfo> entries{
      {"sweep", {}, true, 0},
      {"target",
       {size_option("params"),
        {.name = "step",
         .kind = OptionKind::real,
         .fallback = 0.5,
         .doc = "share of a net that the first cut leaves",
         .min = 0.01,
         .max = 0.99},
        {.name = "gentlest",
         .kind = OptionKind::real,
         .fallback = 0.9,
         .doc = "a cut that would have to leave more than this ends the search",
         .min = 0.01,
         .max = 0.999},
        {.name = "max_cuts", .kind = OptionKind::integer, .fallback = 30, .doc = "cuts in a row", .min = 1, .max = 1000}},
       false,
       4},
      {"halving",
       {{.name = "reduction",
         .kind = OptionKind::integer,
         .fallback = 3,
         .doc = "one in so many goes on to the next rung, which trains so many times as long",
         .min = 2,
         .max = 100},
        {.name = "min_epochs", .kind = OptionKind::integer, .fallback = 1, .doc = "retraining on the first rung", .min = 1, .max = 100000},
        {.name = "allocations",
         .kind = OptionKind::names,
         .fallback = storage::Json::array(),
         .doc = "ways to spread a cut, all tried; none: each criterion's own",
         .choices = {"greedy", "uniform", "eta"}}},
       true,
       0},
      {"beam",
       {size_option("macs"),
        factors_option(),
        {.name = "width",
         .kind = OptionKind::integer,
         .fallback = 2,
         .doc = "nets that are cut further on each level",
         .min = 1,
         .max = 100},
        {.name = "max_cuts", .kind = OptionKind::integer, .fallback = 10, .doc = "levels", .min = 1, .max = 1000}},
       false,
       4},
      {"pareto",
       {size_option("macs"),
        factors_option(),
        {.name = "children",
         .kind = OptionKind::integer,
         .fallback = 40,
         .doc = "cuts, for each base net and seed",
         .min = 1,
         .max = 100000},
        {.name = "in_flight",
         .kind = OptionKind::integer,
         .fallback = 4,
         .doc = "cuts that are tried before the first of them decides on more",
         .min = 1,
         .max = 10000},
        {.name = "draws",
         .kind = OptionKind::integer,
         .fallback = 64,
         .doc = "cuts that are drawn for each child; the one that is expected to add most to the dominated volume is made",
         .min = 1,
         .max = 1000},
        {.name = "smallest",
         .kind = OptionKind::real,
         .fallback = 0.02,
         .doc = "share of the base below which nothing is cut",
         .min = 0,
         .max = 1}},
       false,
       4},
      {"widths",
       {{.name = "of",
         .kind = OptionKind::choice,
         .fallback = "macs",
         .doc = "what every candidate costs",
         .choices = {"params", "macs", "latency"}},
        {.name = "keep",
         .kind = OptionKind::real,
         .fallback = 0.25,
         .doc = "share of the base that every candidate costs",
         .min = 0.001,
         .max = 0.999},
        {.name = "candidates",
         .kind = OptionKind::integer,
         .fallback = 250,
         .doc = "width vectors a round, cut and scored on training images without being trained",
         .min = 2,
         .max = 100000},
        {.name = "rounds",
         .kind = OptionKind::integer,
         .fallback = 4,
         .doc = "rounds of candidates; from the second on they are children of the best",
         .min = 1,
         .max = 100},
        {.name = "images",
         .kind = OptionKind::integer,
         .fallback = 500,
         .doc = "training images that batch norm, or the refit, of a candidate sees; as many others score it",
         .min = 16,
         .max = 1000000},
        {.name = "judge",
         .kind = OptionKind::choice,
         .fallback = "auto",
         .doc = "what makes a candidate right before it is scored; auto: batch norm estimated anew, or a refit where the net has none",
         .choices = {"auto", "batch_norm", "refit"}},
        {.name = "finalists",
         .kind = OptionKind::integer,
         .fallback = 8,
         .doc = "of the best candidates that are retrained for a short time",
         .min = 1,
         .max = 50},
        {.name = "short_epochs",
         .kind = OptionKind::integer,
         .fallback = 1,
         .doc = "of the finalists' retraining; then the best one goes on to the last epoch",
         .min = 1,
         .max = 100000}},
       false,
       1},
  };
  return entries;
}

}  // namespace

std::vector<std::string> strategy_names() {
  std::vector<std::string> names;
  for (const StrategyInfo& each : strategy_catalog()) names.push_back(each.name);
  return names;
}

const StrategyInfo& strategy_info(const std::string& name) {
  return storage::find_named(strategy_catalog(), name, "search strategy", &StrategyInfo::name);
}

std::string pareto_schedule(std::size_t child) {
  return fmt::format("{}{}", pareto_prefix, child);
}

std::string beam_schedule(int level, std::size_t child) {
  return fmt::format("{}{}-{}", beam_prefix, level, child);
}

bool is_of_one_search(const std::string& schedule) {
  for (const std::string prefix : {pareto_prefix, beam_prefix})
    if (schedule.size() > prefix.size() && schedule.starts_with(prefix))
      return schedule.find_first_not_of("0123456789-", prefix.size()) == std::string::npos;
  return false;
}

}  // namespace search
