// A run as one web page that needs nothing else: written by `nas-run report`, answered by a server while a run goes on.
#pragma once

#include <string>

#include "storage/repository.h"

namespace search {

struct HtmlOptions {
  int refresh_s = 0;    ///< 0: a finished page; above: it asks its own address for a new document so often
  std::string results;  ///< the results directory as it was typed, for the commands that the page shows
};

/// The page, in UTF-8. Its content security policy lets nothing in from outside; with `refresh_s` above 0 it may ask where it came from.
/// Whatever the run holds (names, labels, messages) is data to it, never markup. Throws storage::Error as Repository does.
std::string html_report(const storage::Repository& repository, const HtmlOptions& options);

}  // namespace search
