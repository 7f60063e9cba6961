// Weights as safetensors files: named tensors and text metadata. Files from outside are hostile until this has read them.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "eval/nets/net.h"
#include "eval/nets/net_info.h"

namespace eval {

struct TensorFile {
  Weights tensors;
  std::map<std::string, std::string> metadata;
};

/// Writes `path` in place; the caller makes it durable (storage::commit_file, storage::ArtifactStore). Same tensors, same bytes.
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

/// Reads fp64, fp32, fp16, bf16, int64 and int32 tensors. Throws storage::Error(invalid) naming the file and what is wrong: a header longer
/// than the file, JSON that is none, offsets that overlap, leave holes or leave the file, sizes that contradict the offsets.
TensorFile read_safetensors(const std::filesystem::path& path);

/// Weights with their spec in the metadata (key "net_spec"), as nas-run stores every net, and what is left of the first net's channels (key
/// "kept") where that is not null; and what is known of its use (to_metadata).
void write_net(const std::filesystem::path& path, const NetSpec& spec, const Weights& weights, const storage::Json& kept = {},
               const NetInfo& info = {});

/// Throws storage::Error(invalid) naming the file where its "kept" is not {layer: [channels]}. Looks no deeper than that, however deep a
/// hostile one is nested.
void require_kept(const std::filesystem::path& path, const storage::Json& kept);

}  // namespace eval
