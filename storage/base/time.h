// Times as the database writes them. Used by the reports.
#pragma once

#include <optional>
#include <string>

namespace storage {

/// Seconds since 1970 of "2024-05-01T12:00:00.123Z", with or without the fraction; nothing where the text is no such time.
std::optional<double> seconds_of(const std::string& time);

}  // namespace storage
