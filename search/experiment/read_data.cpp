#include <fmt/format.h>

#include <algorithm>

#include "eval/data/dataset.h"
#include "eval/nets/layer_shape.h"
#include "prune/own_net.h"
#include "search/experiment/experiment_reader.h"
#include "search/experiment/nets.h"
#include "storage/base/error.h"

namespace search {

using storage::OptionKind;

namespace {

std::vector<std::string> keys(const std::map<std::string, Data>& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

const storage::Options& net_options() {
  static const storage::Options options{
      {.name = "width", .kind = OptionKind::real, .fallback = 1.0, .doc = "factor of every channel count", .min = 0.01, .max = 4},
      {.name = "layout",
       .kind = OptionKind::choice,
       .fallback = "automatic",
       .doc = "stem and head for large or for small images",
       .choices = {"automatic", "imagenet", "small"}},
      {.name = "dropout", .kind = OptionKind::real, .fallback = 0.5, .doc = "dropout's probability of a zero", .min = 0, .max = 0.99},
  };
  return options;
}

/// The data of a task, or of a pretraining: `dataset`, and `target` where its format has several.
void read_dataset(YamlReader& entry, const std::map<std::string, Data>& data, std::string& dataset, std::string& target) {
  dataset = entry.require("dataset", fmt::format("{}", fmt::join(keys(data), ", "))).one_of("under data", keys(data));
  const std::vector<std::string>& targets = eval::dataset_entry(data.at(dataset).settings.at("format")).targets;
  if (!targets.empty())
    target = entry.require("target", fmt::format("{}", fmt::join(targets, ", "))).one_of("a target of this format", targets);
}

std::optional<YamlReader> find_pretraining(YamlReader& entry) {
  return entry.find("pretrain", "data that the net is trained on before its task, whose classes then start anew");
}

/// The net must take its pretraining's images as it takes its tasks'.
std::optional<Pretraining> read_pretraining(YamlReader& entry, const NetRequest& net, const Experiment& experiment,
                                            const DataInfos& infos) {
  std::optional<YamlReader> given = find_pretraining(entry);
  if (!given) return std::nullopt;
  Pretraining pretraining;
  read_dataset(*given, experiment.data, pretraining.dataset, pretraining.target);
  pretraining.train = read_training(given->section("train", "how it is trained there"), experiment.train);
  pretraining.retrain = read_training(given->section("retrain", "how it is trained there after a cut of a schedule `at: pretraining`"),
                                      for_retraining(pretraining.train), /*has_teacher=*/true);
  if (const std::optional<YamlReader> train = given->find("train")) check_warmup(*train, pretraining.train);
  if (const std::optional<YamlReader> retrain = given->find("retrain")) check_warmup(*retrain, pretraining.retrain);
  given->finish();
  const auto& described = experiment.data.at(pretraining.dataset).targets;
  const auto info = described.find(pretraining.target);
  if (info == described.end()) return pretraining;  // the reference describes none
  if (info->second.folds > 0)
    given->fail(fmt::format(
        "would show a net the images of all {} folds, of which each tests in turn; valid: data whose option 'fold' says which one tests",
        info->second.folds));
  given->checked([&] { make_net(net, info->second); });
  for (const eval::DatasetInfo& task : infos)
    if (task.shape != info->second.shape)
      given->fail(fmt::format("has images of {}, a task's are {}; valid: data of one size and number of colours",
                              eval::to_string(info->second.shape), eval::to_string(task.shape)));
  return pretraining;
}

/// A file that must be there. The reader's empty text stands for none.
std::filesystem::path read_file(const YamlReader& entry, const std::string& valid) {
  const std::filesystem::path file = entry.read({.name = "file", .kind = OptionKind::path, .doc = valid}).get<std::string>();
  if (!std::filesystem::is_regular_file(file)) entry.fail(fmt::format("is no file ({}); valid: {}", file.string(), valid));
  return file;
}

void check_buildable(const YamlReader& entry, const NetRequest& net, const DataInfos& infos) {
  entry.checked([&] {
    for (const eval::DatasetInfo& info : infos) make_net(net, info);
  });
}

std::optional<WeightsFile> read_weights(YamlReader& entry) {
  const std::optional<YamlReader> weights = entry.find("weights", "safetensors to start from, with the net's names; default: random");
  const auto names_nothing = [](const YamlReader& value) {
    return value.is(YamlNode::Kind::null) || (value.is(YamlNode::Kind::scalar) && value.node().text.empty());
  };
  if (!weights || names_nothing(*weights)) return std::nullopt;
  const std::filesystem::path file = read_file(*weights, "safetensors to start from, or nothing");
  return weights->checked([&] { return describe_weights(file); });
}

/// A net that a file describes, if the entry names one: `onnx`, `spec`, or `weights` without a name.
std::optional<NetRequest> read_own_net(YamlReader& entry, const std::optional<YamlReader>& name, const DataInfos& infos,
                                       const DescribeNet& describe_net) {
  std::optional<YamlReader> source = entry.find("onnx", "a net of your own, with its weights");
  const bool has_weights = source.has_value();
  if (!source) source = entry.find("spec", "a net of your own, as JSON (`nas-run export --to json`)");
  if (!source && !name) source = entry.find("weights");
  const std::optional<YamlReader> insert =
      entry.find("insert_batch_norm",
                 "a net of your own gets a batch norm behind each convolution that has none, with the statistics of "
                 "100 batches, so that it computes what it did and a cut can estimate it anew: true or false");
  if (!source && insert) insert->fail("is for a net of your own; valid: with onnx or spec, or with weights that say their net");
  if (!source) return std::nullopt;
  const std::filesystem::path file = read_file(*source, "a file that describes a net");
  NetRequest net{.name = name ? name->safe_name() : file.stem().string()};
  net.spec = source->checked([&] { return describe_net(file); });
  net.insert_batch_norm = insert && insert->read({.name = "insert_batch_norm", .kind = OptionKind::boolean, .doc = "whether"}).get<bool>();
  if (net.insert_batch_norm) net.spec = prune::with_batch_norm(*net.spec);
  if (has_weights)
    net.weights = source->checked([&] { return describe_weights(file); });
  else
    net.weights = read_weights(entry);
  check_buildable(*source, net, infos);
  return net;
}

NetRequest read_net(YamlReader& entry, const std::string& name, const DataInfos& infos) {
  const Json options = entry.values(net_options());
  NetRequest net{name, options.at("width"), options.at("layout"), options.at("dropout")};
  net.weights = read_weights(entry);
  check_buildable(entry, net, infos);
  return net;
}

prune::PruneRequest read_narrow(YamlReader& entry, const std::vector<NetRequest>& nets, const DataInfos& infos) {
  const YamlReader keep = entry.require("keep", "the share of the base net, as in 'keep: 0.1'");
  // One width for all layers, found by what is known without a run.
  static const storage::Option of_option{
      .name = "of", .kind = OptionKind::choice, .fallback = "macs", .doc = "what is counted", .choices = {"params", "macs"}};
  const prune::PruneRequest request = read_keep(keep, prune::budget_from_string(entry.value(of_option)));
  keep.checked([&] {
    for (const NetRequest& net : nets) {
      for (const eval::DatasetInfo& info : infos) narrow_width(net, info, request);
    }
  });
  return request;
}

/// `pretrain: same`: a baseline that learns first what the base nets learn.
void read_same_pretraining(YamlReader& entry, const Experiment& experiment, Baseline& baseline) {
  const std::optional<YamlReader> given =
      entry.find("pretrain", "same: pretrained as the base net, for as long as one that is cut there; default: from scratch");
  if (!given) return;
  const std::vector<NetRequest>& nets = experiment.nets;
  given->one_of("how a baseline is pretrained", {"same"});
  if (nets.empty() || !nets.front().pretrain) given->fail("is as nothing: the first of `nets` has no pretrain; valid: only where it has");
  if (baseline.narrow)
    for (const NetRequest& net : nets)
      if (!net.pretrain)
        given->fail(fmt::format("is as nothing for {}, which has no pretrain; valid: only where all of `nets` have", net.name));
  baseline.pretrained = true;
  if (!baseline.narrow) baseline.net.pretrain = control_pretraining(experiment, 0);
}

/// Runs what reads the data. Where they are not at the place that an option names, that option is what is wrong, else the entry.
void read_at(YamlReader entry, const Json& settings, const std::function<void()>& read) {
  YamlReader place = entry;
  for (const storage::Option& option : eval::dataset_entry(settings.at("format")).options) {
    if (option.kind != OptionKind::path) continue;
    const std::optional<YamlReader> given = entry.find(option.name);
    if (given && !std::filesystem::exists(settings.at(option.name).get<std::string>())) place = *given;
    break;
  }
  place.checked([&] {
    try {
      read();
    } catch (const storage::Error& error) {
      if (place.node().variable.empty()) throw;
      throw storage::Error(error.kind(), fmt::format("{}; the variable {} says where", error.what(), place.node().variable));
    }
  });
}

}  // namespace

std::map<std::string, Data> read_data(const YamlReader& section) {
  std::vector<std::string> formats;
  for (const eval::DatasetEntry& entry : eval::dataset_registry()) formats.push_back(entry.format);

  for (const YamlNode::Member& member : section.node().members)
    YamlReader({.kind = YamlNode::Kind::scalar, .where = member.where, .text = member.key}, "data", "").safe_name();
  std::map<std::string, Data> data;
  for (auto& [name, entry] : section.members()) {
    const std::string format = entry.require("format", fmt::format("{}", fmt::join(formats, ", "))).one_of("a format of data", formats);
    const eval::DatasetEntry& known = eval::dataset_entry(format);
    Json settings = entry.values(known.options);
    entry.finish();
    settings["format"] = format;
    data[name].settings = std::move(settings);
  }
  return data;
}

std::vector<Task> read_tasks(const YamlReader& section, const std::map<std::string, Data>& data) {
  std::vector<Task> tasks;
  std::vector<std::string> taken;
  for (YamlReader& entry : section.items()) {
    Task task;
    const YamlReader name = entry.require("name", "a name for the task");
    task.name = name.safe_name();
    take_name(name, task.name, taken);
    read_dataset(entry, data, task.dataset, task.target);
    entry.finish();
    tasks.push_back(std::move(task));
  }
  if (tasks.empty()) section.fail("is not a list of tasks; valid: as in '[{name: clothes, dataset: fashion}]'");
  return tasks;
}

void describe_all(const YamlReader& section, const std::vector<Task>& tasks, std::map<std::string, Data>& data) {
  for (auto& [name, entry] : section.members()) {
    std::vector<std::string> targets;
    for (const Task& task : tasks)
      if (task.dataset == name) targets.push_back(task.target);
    Data& described = data.at(name);
    read_at(entry, described.settings, [&] { described = describe_data(described.settings, targets); });
    for (const auto& [target, info] : described.targets)
      if (info.classes < 2) entry.fail("has nothing to tell apart; valid: data of two classes or more");
  }
}

std::vector<Task> read_pretraining_tasks(const YamlReader& nets, const std::map<std::string, Data>& data) {
  std::vector<Task> tasks;
  for (const YamlReader& item : nets.items()) {
    YamlReader entry = item.named();
    std::optional<YamlReader> given = find_pretraining(entry);
    if (!given) continue;
    Task task{.name = "pretraining"};
    read_dataset(*given, data, task.dataset, task.target);
    tasks.push_back(std::move(task));
  }
  return tasks;
}

std::vector<NetRequest> read_nets(const YamlReader& section, const Experiment& experiment, const DataInfos& infos,
                                  const DescribeNet& describe_net) {
  std::vector<NetRequest> nets;
  std::vector<std::string> taken;
  for (const YamlReader& item : section.items()) {
    YamlReader entry = item.named();
    const std::optional<YamlReader> name =
        entry.find("name", "a net of `nas-run nets`; what a net of your own goes by, default: its file's name");
    std::optional<NetRequest> own = read_own_net(entry, name, infos, describe_net);
    if (!own && !name) entry.require("name", "a net, as in 'name: vgg16_bn', or a file: onnx, spec or weights");
    nets.push_back(own ? *std::move(own) : read_net(entry, name->one_of("a net", eval::net_names()), infos));
    nets.back().pretrain = read_pretraining(entry, nets.back(), experiment, infos);
    entry.finish();
    take_name(name ? *name : entry, fmt::format("{} {}", nets.back().name, nets.back().width), taken);
  }
  if (nets.empty()) section.fail("is not a list of nets; valid: as in '[vgg16_bn]'");
  return nets;
}

std::vector<Baseline> read_baselines(const YamlReader& section, const Experiment& experiment, const DataInfos& infos,
                                     const prune::TrainOptions& train) {
  std::vector<std::string> names = eval::net_names();
  names.insert(names.end(), {"narrow", "scratch"});

  std::vector<Baseline> baselines;
  std::vector<std::string> taken;
  for (const YamlReader& item : section.items()) {
    YamlReader entry = item.named();
    const YamlReader name = entry.require("name", "a net; narrow: the base net at a smaller width; scratch: a cut net's shape anew");
    Baseline baseline;
    std::string identity = name.one_of("a net, narrow or scratch", names);
    if (identity == "narrow") {
      baseline.narrow = read_narrow(entry, experiment.nets, infos);
      identity = fmt::format("narrow {} {}", baseline.narrow->value, to_string(baseline.narrow->of));
    } else if (identity == "scratch") {
      static const storage::Option steps_option{.name = "steps",
                                                .kind = OptionKind::choice,
                                                .fallback = "all",
                                                .doc = "of which of a schedule's cuts the shape is trained anew",
                                                .choices = {"all", "last"}};
      baseline.scratch = true;
      static const storage::Option effort_option{
          .name = "effort",
          .kind = OptionKind::choice,
          .fallback = "epochs",
          .doc =
              "how long it is trained: epochs: as a base and its longest retraining together (Scratch-E of Liu et al. 2019); flops: for as "
              "many multiply-accumulates as the trainings that led to the cut net took, so for more epochs (Scratch-B)",
          .choices = {"epochs", "flops"}};
      baseline.last_only = entry.value(steps_option) == "last";
      baseline.equal_flops = entry.value(effort_option) == "flops";
      if (baseline.equal_flops) {
        identity += " flops";
        refuse_epochs(entry.section("train", "its own training"), "effort: flops");
      }
    } else {
      baseline.net = read_net(entry, name.node().text, infos);
      identity = fmt::format("{} {}", baseline.net.name, baseline.net.width);
    }
    if (!baseline.scratch) read_same_pretraining(entry, experiment, baseline);
    if (baseline.pretrained) identity += " pretrained";
    baseline.train = read_training(entry.section("train", "its own training"), train, /*has_teacher=*/true);
    if (const std::optional<YamlReader> own = entry.find("train")) check_warmup(*own, baseline.train);
    if (!baseline.scratch && baseline.train.distill) identity += " distilled";
    entry.finish();
    take_name(name, identity, taken);
    baselines.push_back(std::move(baseline));
  }
  return baselines;
}

void take_name(const YamlReader& entry, const std::string& name, std::vector<std::string>& taken) {
  if (std::find(taken.begin(), taken.end(), name) != taken.end()) entry.fail("is given twice; valid: each once");
  taken.push_back(name);
}

}  // namespace search
