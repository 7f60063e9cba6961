#include "eval/data/dataset.h"
#include "eval/data/formats.h"

namespace eval {

const std::vector<DatasetEntry>& dataset_registry() {
  static const std::vector<DatasetEntry> table = {
      idx_format(),
      cifar10_format(),
      cifar100_format(),
  };
  return table;
}

}  // namespace eval
