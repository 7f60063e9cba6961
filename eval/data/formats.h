// The formats that registry.cpp lists, one .cpp each.
#pragma once

#include "eval/data/dataset.h"

namespace eval {

DatasetEntry idx_format();
DatasetEntry cifar10_format();
DatasetEntry cifar100_format();
DatasetEntry folder_format();
DatasetEntry csv_format();
DatasetEntry adience_format();
DatasetEntry lfwa_format();
DatasetEntry celeba_format();

}  // namespace eval
