// The samples of sample.h, one .cpp each, and what they share: files, folders and the loop over images.
#pragma once

#include <string_view>

#include "eval/samples/sample.h"

namespace eval {

SampleEntry adience_sample();
SampleEntry lfwa_sample();
SampleEntry cifar100_sample();
SampleEntry imagenet_sample();

/// Makes a folder and those above it. Throws storage::Error(environment).
void make_folder(const std::filesystem::path& folder);

/// Writes a file whose folder is there. Throws storage::Error(environment).
void write_sample_file(const std::filesystem::path& path, std::string_view bytes);

/// Calls `draw` with 0 .. count-1, with all cores; no more once the request is stopped.
void draw_each(const SampleRequest& request, std::int64_t count, const std::function<void(std::int64_t)>& draw);

}  // namespace eval
