// A cache of decoded images for one test, so that none touches the user's.
#pragma once

#include <cstdlib>

#include "tests/support/temporary_directory.h"

namespace support {

struct CacheHome {
  CacheHome() { setenv("XDG_CACHE_HOME", directory.path().c_str(), 1); }
  ~CacheHome() { unsetenv("XDG_CACHE_HOME"); }
  CacheHome(const CacheHome&) = delete;
  CacheHome& operator=(const CacheHome&) = delete;

  TemporaryDirectory directory;
};

}  // namespace support
