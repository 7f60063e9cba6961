// Catch2 3 under the one header that Catch2 2 has: the tests are written for both, and their CMakeLists.txt puts this folder on the path
// where version 3 is installed.
#pragma once

#include <catch2/catch_all.hpp>

using Catch::Approx;

namespace Catch {

using Matchers::EndsWith;
using Matchers::Matches;
using Matchers::StartsWith;

/// Of a text; since version 3 the library's own name for it says so, and `Contains` is for containers.
inline auto Contains(const std::string& text) {
  return Matchers::ContainsSubstring(text);
}

}  // namespace Catch
