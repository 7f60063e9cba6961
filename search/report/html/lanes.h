// Puts what ran at the same time beside each other: the slots of the report's timeline, which no database row names.
#pragma once

#include <vector>

namespace search::html {

struct Span {
  double start = 0, length = 0;  ///< seconds
};

/// The lane of each span: the lowest that is free at its start, so that there are as many lanes as spans that overlap at most.
std::vector<int> lanes_of(const std::vector<Span>& spans);

/// The number of each span's session. A new one begins where nothing ran for longer than `idle` seconds.
std::vector<int> sessions_of(const std::vector<Span>& spans, double idle);

}  // namespace search::html
