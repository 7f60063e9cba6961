#include "eval/data/dataset.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/base/error.h"
#include "storage/base/fingerprint.h"
#include "storage/base/named.h"

namespace eval {
namespace {

const DatasetEntry& entry_of(const storage::Json& settings) {
  if (!settings.is_object() || !settings.contains("format") || !settings["format"].is_string()) {
    storage::refuse(fmt::format("data: a text under 'format' is missing{}", storage::suggestion("", {dataset_registry().front().format})));
  }
  return dataset_entry(settings["format"].get<std::string>());
}

/// The options with defaults filled in.
storage::Json options_of(const DatasetEntry& entry, storage::Json settings) {
  settings.erase("format");
  return storage::check_options(entry.options, settings, "data of format " + entry.format);
}

std::string target_of(const DatasetEntry& entry, const std::string& target) {
  if (target.empty()) return entry.targets.empty() ? "" : entry.targets.front();
  if (std::find(entry.targets.begin(), entry.targets.end(), target) != entry.targets.end()) return target;
  storage::refuse(
      fmt::format("data of format {}: unknown target '{}'{}", entry.format, target, storage::suggestion(target, entry.targets)));
}

}  // namespace

const DatasetEntry& dataset_entry(const std::string& format) {
  return storage::find_named(dataset_registry(), format, "data format", &DatasetEntry::format);
}

std::unique_ptr<Dataset> open_dataset(const storage::Json& settings, const std::string& target, const DecodeOptions& decoding) {
  const DatasetEntry& entry = entry_of(settings);
  return entry.open(options_of(entry, settings), target_of(entry, target), decoding);
}

DatasetInfo describe_dataset(const storage::Json& settings, const std::string& target) {
  const DatasetEntry& entry = entry_of(settings);
  return entry.describe(options_of(entry, settings), target_of(entry, target));
}

storage::Json dataset_details(const storage::Json& settings) {
  const DatasetEntry& entry = entry_of(settings);
  return entry.details ? entry.details(options_of(entry, settings)) : storage::Json();
}

storage::Json dataset_identity(const storage::Json& settings) {
  const DatasetEntry& entry = entry_of(settings);
  storage::Json options = options_of(entry, settings);
  storage::Json identity = entry.identity(options);
  for (const storage::Option& option : entry.options) {
    if (option.kind == storage::OptionKind::path) options.erase(option.name);
  }
  return {{"format", entry.format}, {"options", std::move(options)}, {"files", std::move(identity)}};
}

bool is_unlabelled(const storage::Json& settings) {
  return settings.value("labels", "") == "none";
}

storage::Json files_identity(const std::vector<std::filesystem::path>& files) {
  storage::Json identity = storage::Json::array();
  for (const std::filesystem::path& file : files) identity.push_back(storage::file_identity(file));
  return identity;
}

std::size_t stored_bytes(const Shape& shape, int margin) {
  return static_cast<std::size_t>(shape.channels) * (shape.height + 2 * margin) * (shape.width + 2 * margin);
}

}  // namespace eval
