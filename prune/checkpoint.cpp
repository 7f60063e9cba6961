#include "prune/checkpoint.h"

#include <torch/serialize.h>

#include "storage/base/error.h"
#include "storage/base/file.h"

namespace prune {

namespace {

void write_weights(torch::serialize::OutputArchive& archive, const std::string& prefix, const eval::Weights& weights) {
  for (const auto& [name, tensor] : weights) archive.write(prefix + name, tensor.detach().contiguous(), /*is_buffer=*/true);
}

eval::Weights read_weights(torch::serialize::InputArchive& archive, const std::string& prefix, const eval::Weights& like) {
  eval::Weights weights;
  for (const auto& [name, tensor] : like) {
    torch::Tensor read;
    archive.read(prefix + name, read, /*is_buffer=*/true);
    TORCH_CHECK(read.sizes() == tensor.sizes(), "size of ", name);
    weights[name] = at::empty_like(tensor.detach()).copy_(read);  // on the net's device, whichever it was written on, laid out as there
  }
  return weights;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint, const Optimizer& optimizer) {
  torch::serialize::OutputArchive archive, optimizer_archive;
  write_weights(archive, "weights/", checkpoint.weights);
  write_weights(archive, "best/", checkpoint.best);
  write_weights(archive, "average/", checkpoint.average);
  archive.write("progress", c10::IValue(checkpoint.progress.dump()));
  optimizer.save(optimizer_archive);
  archive.write("optimizer", optimizer_archive);
  const storage::TemporaryNeighbour temporary(path);
  try {
    archive.save_to(temporary.path().string());
  } catch (const c10::Error& error) {
    throw storage::Error(storage::ErrorKind::environment,
                         path.string() + ": the checkpoint cannot be written: " + error.what_without_backtrace());
  }
  storage::commit_file(temporary.path(), path);
}

bool read_checkpoint(const std::filesystem::path& path, const eval::Weights& like, bool averaged, const std::string& from,
                     Checkpoint& checkpoint, Optimizer& optimizer) {
  if (!std::filesystem::exists(path)) return false;
  try {
    torch::serialize::InputArchive archive, optimizer_archive;
    archive.load_from(path.string(), torch::kCPU);
    Checkpoint read{read_weights(archive, "weights/", like), read_weights(archive, "best/", like), {}, {}};
    if (averaged) read.average = read_weights(archive, "average/", like);
    c10::IValue progress;
    archive.read("progress", progress);
    read.progress = storage::Json::parse(progress.toStringRef());
    if (!from.empty() && read.progress.value("from", from) != from) return false;
    archive.read("optimizer", optimizer_archive);
    optimizer.load(optimizer_archive);
    checkpoint = std::move(read);
    return true;
  } catch (const std::exception&) {  // LibTorch reports a damaged archive in several ways
    return false;
  }
}

}  // namespace prune
