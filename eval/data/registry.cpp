#include "eval/data/dataset.h"
#include "eval/data/formats.h"
#include "eval/data/normalisation.h"

namespace eval {

namespace {

std::vector<DatasetEntry> make_table() {
  std::vector<DatasetEntry> table{
      idx_format(), cifar10_format(), cifar100_format(), folder_format(), csv_format(), adience_format(), lfwa_format(), celeba_format(),
  };
  for (DatasetEntry& entry : table)
    entry.options.insert(entry.options.end(), normalisation_options().begin(), normalisation_options().end());
  return table;
}

}  // namespace

const std::vector<DatasetEntry>& dataset_registry() {
  static const std::vector<DatasetEntry> table = make_table();
  return table;
}

}  // namespace eval
