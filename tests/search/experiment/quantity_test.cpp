#include "search/experiment/quantity.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/throws.h"

using search::parse_duration;

TEST_CASE("durations are numbers with units") {
  CHECK(parse_duration("90s").count() == 90);
  CHECK(parse_duration("30m").count() == 1800);
  CHECK(parse_duration("4h").count() == 14400);
  CHECK(parse_duration("2d").count() == 172800);
  CHECK(parse_duration("1h30m").count() == 5400);
}

TEST_CASE("what is no duration is a usage error") {
  for (const char* text : {"", "0s", "90", "4 h", "h", "-5m", "1.5h", "4w", "1h30", "9999999999999999999s", "1001d"}) {
    CAPTURE(text);
    const storage::Error error = support::error_of([&] { parse_duration(text); });
    CHECK(error.kind() == storage::ErrorKind::usage);
    CHECK(error.what() == fmt::format("'{}' is not a duration; valid: as in 90s, 30m, 4h or 1h30m", text));
  }
}

TEST_CASE("sizes in binary units") {
  CHECK(search::parse_bytes("512MiB") == 536870912);
  CHECK(search::parse_bytes("1TiB") == 1099511627776);
  for (const char* text : {"", "GiB", "0GiB", "1.5GiB", "20GB", "-1MiB", "99999999TiB"})
    CHECK_THROWS_AS(search::parse_bytes(text), storage::Error);
}
