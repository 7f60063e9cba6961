#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "eval/data/dataset.h"
#include "eval/data/normalisation.h"
#include "search/cli/commands.h"
#include "storage/base/error.h"
#include "storage/base/file.h"

namespace search::cli {

namespace {

using storage::Error;
using storage::ErrorKind;

struct DataOptions {
  ExperimentArguments experiment;
  std::string data, target;
  std::filesystem::path directory;
};

static_assert(std::endian::native == std::endian::little);  // as the types below say

/// A file in NumPy's format, version 1.0 (numpy.lib.format), written piece by piece.
class NpyFile {
 public:
  /// `type`: as NumPy describes it, "|u1"; `shape`: as Python writes it, "(2, 3)".
  NpyFile(const std::filesystem::path& path, const std::string& type, const std::string& shape)
      : path_(path), temporary_(path), out_(temporary_.path(), std::ios::binary) {
    constexpr std::size_t before = 10, alignment = 64;  // magic, version and length; what the data begin at a multiple of
    std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", type, shape);
    header.resize((before + header.size() + alignment) / alignment * alignment - before - 1, ' ');
    header += '\n';
    const auto length = static_cast<std::uint16_t>(header.size());
    write("\x93NUMPY\x01", 7);
    write("\0", 1);
    write(&length, sizeof length);
    write(header.data(), header.size());
  }

  void write(const void* bytes, std::size_t size) { out_.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size)); }

  void commit() {
    out_.close();
    if (!out_) throw Error(ErrorKind::environment, fmt::format("{}: cannot be written: {}", path_.string(), std::strerror(errno)));
    storage::commit_file(temporary_.path(), path_);
  }

 private:
  std::filesystem::path path_;
  storage::TemporaryNeighbour temporary_;
  std::ofstream out_;
};

void write_split(const eval::Dataset& data, eval::Split split, const std::filesystem::path& directory) {
  const std::span<const std::int64_t> images = data.split(split);
  const eval::Shape shape = data.shape();
  const int margin = 2 * data.margin();
  NpyFile pixels(directory / fmt::format("{}_images.npy", to_string(split)), "|u1",
                 fmt::format("({}, {}, {}, {})", images.size(), shape.channels, shape.height + margin, shape.width + margin));
  NpyFile labels(directory / fmt::format("{}_labels.npy", to_string(split)), "<i8", fmt::format("({},)", images.size()));
  for (const std::int64_t image : images) {
    const std::span<const std::uint8_t> bytes = data.pixels(image);
    const std::int64_t label = data.labels()[static_cast<std::size_t>(image)];
    pixels.write(bytes.data(), bytes.size());
    labels.write(&label, sizeof label);
  }
  pixels.commit();
  labels.commit();
}

int write_data(const DataOptions& options) {
  check_output_folder(options.directory);
  const Experiment experiment = load(options.experiment);
  const std::string name = options.data.empty() && experiment.data.size() == 1 ? experiment.data.begin()->first : options.data;
  if (!experiment.data.contains(name)) {
    std::vector<std::string> names;
    for (const auto& [each, data] : experiment.data) names.push_back(each);
    throw Error(ErrorKind::usage, fmt::format("data '{}' is not in the experiment; valid: {}", name, fmt::join(names, ", ")));
  }
  const Data& data = experiment.data.at(name);
  const std::string target = options.target.empty() ? data.targets.begin()->first : options.target;
  if (!data.targets.contains(target)) {
    throw Error(ErrorKind::usage, fmt::format("no task of the experiment has the target '{}' of data '{}'", target, name));
  }
  const std::unique_ptr<eval::Dataset> opened = open_data(experiment, name, target);
  log_left_out(name, opened->left_out());
  storage::make_directory(options.directory);
  for (const eval::Split split : eval::all_splits) write_split(*opened, split, options.directory);
  const eval::Normalisation normalisation = eval::normalisation_of(data.settings, *opened);
  const Json about{{"data", name},
                   {"target", target},
                   {"class_names", opened->class_names()},
                   {"margin", opened->margin()},
                   {"mean", normalisation.mean},
                   {"deviation", normalisation.deviation}};
  storage::write_file(options.directory / "data.json", about.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  fmt::print("{}: train {}, validation {}, test {} images in {}\n", name, opened->split(eval::Split::train).size(),
             opened->split(eval::Split::validation).size(), opened->split(eval::Split::test).size(), options.directory.string());
  return exit_done;
}

}  // namespace

void add_data(CLI::App& app, Action& action) {
  const auto options = std::make_shared<DataOptions>();
  CLI::App* command =
      app.add_subcommand("data", "write an experiment's images, split as it splits them, as NumPy's arrays for other programs");
  command->add_option("EXPERIMENT.yaml", options->experiment.file, "the experiment")->required();
  add_override_option(*command, options->experiment);
  command->add_option("DATA", options->data, "which of its data; may be left out where there is one");
  command->add_option("--target", options->target, "which labels, where tasks ask for several of the data; default: the first");
  command->add_option("-o,--output", options->directory, "a folder: {train,validation,test}_{images,labels}.npy and data.json")->required();
  command->footer(
      "Images are [N, C, H, W] in bytes, with the margin that crops in training are taken from; a net takes (pixel / 255 - mean) / "
      "deviation,\n"
      "which data.json has. Labels count from 0.\n"
      "Example:\n"
      "  nas-run data experiments/flowers17.yaml -o flowers && python3 -c \"import numpy; "
      "print(numpy.load('flowers/train_images.npy').shape)\"");
  command->callback([options, &action] { action = [options] { return write_data(*options); }; });
}

}  // namespace search::cli
