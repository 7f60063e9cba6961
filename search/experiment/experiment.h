// An experiment as a value: what the YAML file asks for, fully validated before anything runs.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "eval/data/dataset.h"
#include "eval/nets/registry.h"
#include "eval/perturbation.h"
#include "prune/cut_options.h"
#include "prune/train_options.h"
#include "search/experiment/located.h"
#include "search/experiment/objectives.h"
#include "storage/base/json.h"

namespace search {

using storage::Json;

struct Task {
  std::string name;
  std::string dataset;  ///< a key of Experiment::data
  std::string target;   ///< "" where the dataset has one label
};

/// One of `data`, as its files were when the experiment was loaded: nothing after that looks at the disk.
struct Data {
  Json settings;                                     ///< {"format": ..., options}, paths absolute
  Json files;                                        ///< their identity: changes when the data do (eval::dataset_identity)
  std::map<std::string, eval::DatasetInfo> targets;  ///< by the targets that tasks ask for; one "" where no task does
  std::string content = {};                          ///< eval::Dataset::content(), once the data were opened; "": not known
};

/// Reads what the files say of themselves. Throws storage::Error(invalid) where they are missing or broken.
Data describe_data(Json settings, const std::vector<std::string>& targets);

/// Drawn by `nas-run sample`.
bool is_synthetic(const Data& data);

/// {"settings", "identity"}, of one fold of a cross-validation or as they are.
Located located(const Data& data, std::optional<int> fold = {});

/// A file of weights, as it was when the experiment was loaded.
struct WeightsFile {
  std::filesystem::path path;
  Json identity;
  std::string content;  ///< eval::weights_content()
};

/// Throws storage::Error(invalid) where it cannot be read.
WeightsFile describe_weights(const std::filesystem::path& path);

/// What a net learns before its task: its first layers then know more than the task's data could teach them.
struct Pretraining {
  std::string dataset;  ///< a key of Experiment::data
  std::string target;   ///< "" where the dataset has one label
  prune::TrainOptions train;
  prune::TrainOptions retrain;  ///< `train` with what `retrain` changes: there, after cuts of schedules `at: pretraining`
  int taught_by = -1;           ///< of Experiment::nets, where `train` distills: its pretraining teaches this one
};

/// A net to start from, or a baseline to compare with.
struct NetRequest {
  std::string name;  ///< of the registry; of a net that a file describes, what it goes by
  double width = 1;
  std::string layout = "automatic";
  double dropout = 0.5;
  std::optional<WeightsFile> weights = {};  ///< safetensors or ONNX to start from; none: from scratch
  std::optional<eval::NetSpec> spec = {};   ///< as a file described it, in place of the registry's
  bool insert_batch_norm = false;           ///< `spec` has batch norms that the file's net has not
  std::optional<Pretraining> pretrain = {};
};

/// {"name", "width"}, of the registry's "layout" and "dropout", else "spec"; and "weights": {"path", "content", "identity",
/// perhaps "insert_batch_norm"} where there are some, as stages carry it. A pretraining is a stage of its own.
Located located(const NetRequest& net);

struct Baseline {
  NetRequest net;
  /// Set for `{name: narrow, keep: R, of: ...}`: each base net at the width that leaves this share; net.name is then empty.
  std::optional<prune::PruneRequest> narrow;
  bool scratch = false;      ///< `{name: scratch}`: the shape of each reported cut net, with fresh weights; net.name is then empty
  bool last_only = false;    ///< of `scratch`: after the last cut of a schedule only
  bool equal_flops = false;  ///< of `scratch`: for as many multiply-accumulates as base and cuts took, in place of train.epochs
  bool pretrained = false;   ///< `pretrain: same`: of `narrow`, as its base net; of others net.pretrain is there
  /// The experiment's `train` with what the baseline changes. Without an `epochs` of its own it has those of a base and of its longest
  /// retraining together: 8 epochs and then 3 cuts with 2 epochs each make 14.
  prune::TrainOptions train;
};

struct Criterion {
  std::string label;        ///< unique, the `criterion` column: "lda-wilks"
  std::string name;         ///< of the catalog: "lda"
  Json options;             ///< checked against the catalog
  std::string allocation;   ///< eta | greedy | uniform, of `keep` requests
  std::string widths_from;  ///< label of the criterion whose widths are taken, or ""
};

struct Schedule {
  std::string name;
  std::vector<prune::PruneRequest> steps;
  bool at_pretraining = false;  ///< cut on the data of the net's pretraining; each step's net then learns the task
};

/// What a search may spend over all its runs; then it starts nothing more. 0: no limit.
struct SearchBudget {
  int stages = 0;
  double epochs = 0;        ///< of training and retraining
  double device_hours = 0;  ///< of all slots together
  std::int64_t time_s = 0;  ///< of one run, by the clock
  bool operator==(const SearchBudget&) const = default;
};

struct LatencyOptions {
  std::vector<int> batch{1, 64};  ///< images that are run together; the first is what objectives mean by latency_ms
  double seconds = 1;             ///< how long each is run
  bool onnx_runtime = false;      ///< also by ONNX Runtime, on the CPU
};

/// {"batch", "seconds"}, and "runtime": "onnxruntime" where that is asked for
Json to_json(const LatencyOptions& options);

struct RobustnessOptions {
  int images = 1000;  ///< of the test images, drawn by seed
  std::vector<eval::Perturbation> perturbations;
};

/// {"images", "perturbations": [{"kind", "name", "level", "options", "source"}]}
Json to_json(const RobustnessOptions& options);

/// What is measured of every net that is reported, besides its accuracy on test data; none: not asked for.
struct Measurements {
  std::optional<LatencyOptions> latency;
  std::optional<RobustnessOptions> robustness;
};

/// What `resources.executor` may be.
const std::vector<std::string>& executor_names();

/// A machine that is reached by ssh.
struct Host {
  std::string name;  ///< as ssh knows it
  std::string device = "cpu";
  int slots = 1, threads = 1;
  int gpus = 1;                       ///< that the slots share in turn, where the device is cuda
  std::string worker = "nas-worker";  ///< the program there
};

/// What is asked of Slurm. Texts go to sbatch as they are; "" is not asked for.
struct SlurmRequest {
  int seats = 1;  ///< jobs at a time, each of which runs one stage at a time
  std::string partition, account, time, constraint, memory;
  int gpus_per_seat = 0;              ///< 0: on the CPU
  int threads = 1;                    ///< of a stage: the cores of a seat
  std::vector<std::string> extra;     ///< more arguments of sbatch
  std::string worker = "nas-worker";  ///< the program on the nodes
  int idle_s = 300;                   ///< after which a worker without a stage leaves its seat
  int notice_s = 60;                  ///< before the end of its time at which a stage is told to write a checkpoint
  int poll_s = 30;                    ///< between two questions to the queue
  int delay_s = 120;                  ///< after which what one machine has written is seen on all others
};

struct Resources {
  std::string executor = "process";  ///< one of executor_names()
  std::vector<Host> hosts;           ///< of ssh
  SlurmRequest slurm;
  std::filesystem::path shared;  ///< a folder that all machines see under this name, where the results' artifacts go; "": the results
  int slots = 0;                 ///< 0: as many as the devices allow
  int threads_per_slot = 0;      ///< 0: one on a CPU
  std::string device = "auto";
  std::int64_t cache_limit = 0;       ///< bytes of decoded images in the cache; 0: no limit
  std::int64_t memory_per_trial = 0;  ///< bytes that a slot is taken to need; 0: slots are not counted by memory
  bool deterministic = false;         ///< on GPUs too
};

struct Reliability {
  std::map<std::string, int> retries;     ///< by failure kind: oom, crash, lost, timeout
  int max_failures = 0;                   ///< 0: no limit
  std::int64_t trial_timeout_s = 0;       ///< of one stage; 0: none
  std::int64_t heartbeat_timeout_s = 60;  ///< a worker that says nothing for so long is hanging
};

struct Experiment {
  std::filesystem::path file;
  std::string yaml;  ///< the text as read
  std::string name;
  int seed = 1;
  std::vector<Task> tasks;
  std::map<std::string, Data> data;  ///< by name
  std::vector<NetRequest> nets;
  std::vector<Baseline> baselines;
  prune::TrainOptions train;
  prune::TrainOptions retrain;                 ///< `train` with what `prune.retrain` changes
  std::optional<prune::TrainOptions> between;  ///< `retrain` with what `prune.between` changes: after cuts that others follow
  prune::TrainOptions transfer;                ///< of nets cut at their pretraining: `retrain`, for as many epochs as baselines have
  std::string lr_start = "restart";            ///< of retraining: restart | rewind | auto
  std::vector<Criterion> criteria;
  std::vector<Schedule> schedules;
  Json allocation;                           ///< checked: allocation_options()
  std::optional<prune::RefitOptions> refit;  ///< of every cut; none: batch norm is re-estimated
  std::optional<int> substeps;  ///< cuts that share the way to each step of a schedule, with one retraining after them; none: auto
  std::string strategy = "sweep";
  int seeds = 1;                           ///< seed, seed + 1, ...
  double tolerance = 0.01;                 ///< "within a point of the base": for the table of answers, `target` and `beam`
  Json strategy_options = Json::object();  ///< checked: those of the strategy's registry entry
  SearchBudget budget;
  std::vector<Objective> objectives{{"accuracy_val", true}, {"macs", false}};
  std::vector<Constraint> constraints;
  Measurements evaluate;
  Resources resources;
  Reliability reliability;
};

/// Whether something asks for latencies before nets are trained: a request, an objective or a constraint.
bool estimates_latency(const Experiment& experiment);

/// The most that constraints allow of latency_estimate_ms, in milliseconds; none: no limit.
std::optional<double> latency_bound(const Experiment& experiment);

/// What the task's data hold.
const eval::DatasetInfo& info_of(const Experiment& experiment, const Task& task);

/// `key.path=value` of the command line.
struct Override {
  std::string path, value;
};

/// Splits "a.b=1". Throws storage::Error(usage) without "=".
Override parse_override(const std::string& text);

/// Whether the text has one of the forms of a device.
bool is_device(const std::string& text);
constexpr const char* device_forms = "auto, cpu, cuda, cuda:0 or cuda:0,1";

/// The net that a file describes: a JSON file as `export --to json` writes it, safetensors that say their net, or ONNX.
using DescribeNet = std::function<eval::NetSpec(const std::filesystem::path& file)>;

/// JSON files alone: what can be read without LibTorch. Throws storage::Error(invalid) for the others and for what is no net.
eval::NetSpec describe_net_json(const std::filesystem::path& file);

/// Reads and validates the file; relative paths start at it, ${NAME:-default} is filled in from the environment. `describe_net` reads nets
/// of the user's own. Throws storage::Error(invalid): "file:line:column: key.path: value: what would be valid".
Experiment load_experiment(const std::filesystem::path& file, const std::vector<Override>& overrides = {},
                           const DescribeNet& describe_net = describe_net_json);

/// The experiment as stored and compared by later runs: everything that decides results, nothing of resources or reliability. Data are
/// described by the identity of their files, not by where they lie.
Json to_json(const Experiment& experiment);

/// What forbids going on with a directory whose stored to_json was `stored`: another experiment's name, or data, a task or a net that means
/// something else under the same name. "" where nothing does: what is added is welcome.
std::string contradiction(const Json& stored, const Json& now);

}  // namespace search
