// Runs something that must throw storage::Error and hands the error back, so that a test can look at kind and message.
#pragma once

#include <catch2/catch.hpp>

#include "storage/base/error.h"

namespace support {

template <class Work>
storage::Error error_of(Work work) {
  try {
    work();
  } catch (const storage::Error& error) {
    return error;
  }
  FAIL("no storage::Error was thrown");
  return {storage::ErrorKind::internal, ""};
}

}  // namespace support
