// The parts of an experiment's YAML, one function a section. Internal to load_experiment.
#pragma once

#include <cstdint>
#include <functional>

#include "eval/data/dataset.h"
#include "search/experiment/experiment.h"
#include "search/experiment/yaml/yaml_reader.h"

namespace search {

/// `data`: formats of the dataset registry. Their settings; the files are not looked at.
std::map<std::string, Data> read_data(const YamlReader& section);

/// `tasks`: each names one of `data`, and a target where the format has several.
std::vector<Task> read_tasks(const YamlReader& section, const std::map<std::string, Data>& data);

/// Fills in what the files of each dataset say, for its tasks. Fails where files are missing or broken.
void describe_all(const YamlReader& section, const std::vector<Task>& tasks, std::map<std::string, Data>& data);

using DescribeData = std::function<void(const YamlReader&, const std::vector<Task>&, std::map<std::string, Data>&)>;

/// What a net must be able to take, of every task.
using DataInfos = std::vector<eval::DatasetInfo>;

/// The whole file, into what is empty still but for its place. `describe`: describe_all, or what stands for it where no data are.
void read_experiment(YamlReader& root, Experiment& experiment, const DescribeData& describe, const DescribeNet& describe_net);

/// What `pretrain` of `nets` asks of the data, each as a task of its own.
std::vector<Task> read_pretraining_tasks(const YamlReader& nets, const std::map<std::string, Data>& data);

/// `nets`, each buildable for every dataset. `experiment`: its data and `train`.
std::vector<NetRequest> read_nets(const YamlReader& section, const Experiment& experiment, const DataInfos& infos,
                                  const DescribeNet& describe_net);

/// `baselines`, each trained as `train` says with what its own `train` changes; every net must be able to become as narrow as a `narrow`
/// one asks. `experiment`: its nets and schedules.
std::vector<Baseline> read_baselines(const YamlReader& section, const Experiment& experiment, const DataInfos& infos,
                                     const prune::TrainOptions& train);

/// `train`, or that of a cut net or a baseline, which alone have a teacher to distill from. A key that is not given has the value of
/// `inherited` where there is one.
prune::TrainOptions read_training(YamlReader section, const std::optional<prune::TrainOptions>& inherited, bool has_teacher = false);

/// Fails where a training, whose epochs are known by now, is all warm-up.
void check_warmup(const YamlReader& section, const prune::TrainOptions& training);

/// What a retraining has of `train` where it says nothing else: all but the warm-up, which is for fresh weights.
prune::TrainOptions for_retraining(prune::TrainOptions train);

/// Fails at `epochs` of a training where it is given: `setter` says how many there are.
void refuse_epochs(YamlReader training, const std::string& setter);

/// `budget`: one number of epochs for a base and all retraining of its cut nets.
struct EpochBudget {
  int epochs = 0;
  double dense = 0;  ///< share of the base

  int of_base() const;
};
std::optional<EpochBudget> read_epoch_budget(YamlReader& root);

/// `resources`.
Resources read_resources(YamlReader section);

/// `reliability`.
Reliability read_reliability(YamlReader section);

/// A duration in seconds; `fallback` where the key is absent.
std::int64_t read_duration(YamlReader& section, const std::string& key, std::int64_t fallback, const std::string& doc);

/// `search`, into the experiment.
void read_search(YamlReader section, Experiment& experiment);

/// `objectives`; those of `experiment` where none are given. `experiment`: what it measures.
std::vector<Objective> read_objectives(const YamlReader& section, const Experiment& experiment);

/// `constraints`. `experiment`: what it measures.
std::vector<Constraint> read_constraints(const YamlReader& section, const Experiment& experiment);

/// `prune`, into the experiment, whose nets, `train` and strategy are there. `infos`: of its tasks, for the layers that `protect` names.
void read_prune(YamlReader section, Experiment& experiment, const DataInfos& infos, const std::optional<EpochBudget>& budget);

/// `train` for as many epochs as a pruned net has in all: those of the base and of the longest schedule's retraining; a strategy that finds
/// its own steps says how many are usual.
prune::TrainOptions whole_path(const Experiment& experiment);

/// `prune.criteria`, with labels made unique and `widths` resolved.
std::vector<Criterion> read_criteria(const YamlReader& section);

/// `prune.schedules`; those `at: pretraining` are for nets that all have one.
std::vector<Schedule> read_schedules(const YamlReader& section, const std::vector<NetRequest>& nets);

/// `prune.refit`: a mapping, or whether; and `prune.substeps`.
std::optional<prune::RefitOptions> read_refit(YamlReader& prune);
std::optional<int> read_substeps(YamlReader& prune);

/// `evaluate`; `sources`: the nets that attacks can be made on.
Measurements read_evaluate(YamlReader section, const std::vector<std::string>& sources);

/// `keep`: a share above 0, up to 1.
prune::PruneRequest read_keep(const YamlReader& keep, prune::Budget of);

/// Fails at `entry` where the name is among those taken; takes it.
void take_name(const YamlReader& entry, const std::string& name, std::vector<std::string>& taken);

}  // namespace search
