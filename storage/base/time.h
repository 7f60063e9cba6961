// Times as the database writes them, and how long something took.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace storage {

/// Seconds since 1970 of "2024-05-01T12:00:00.123Z", with or without the fraction; nothing where the text is no such time.
std::optional<double> seconds_of(const std::string& time);

double in_seconds(std::chrono::steady_clock::duration duration);
double seconds_since(std::chrono::steady_clock::time_point start);

}  // namespace storage
