// The formats that registry.cpp lists, one .cpp each.
#pragma once

#include "eval/data/dataset.h"

namespace eval {

DatasetEntry idx_format();
DatasetEntry cifar10_format();
DatasetEntry cifar100_format();

}  // namespace eval
