// One page over HTTP, read-only, until a signal ends it. Used by `nas-run serve`.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace search::cli {

struct PageServer {
  std::string host = "127.0.0.1";  ///< a name or an address to listen at
  int port = 8080;                 ///< 0: any that is free
  /// The HTML document; asked for from one thread at a time. Its storage::Error is told to the client.
  std::function<std::string()> page;
  /// Called once requests are taken, with the port.
  std::function<void(int port)> listening;
};

/// Answers GET and HEAD of "/" with the page until SIGINT or SIGTERM. Requests whose Host is neither an address, nor localhost, nor the
/// name of this machine or of `host` are refused: a foreign site that has its name point here gets nothing. Throws
/// storage::Error(environment) where it cannot listen.
void serve_page(const PageServer& options);

/// Whether a request with this Host header may be answered; `names`: valid besides addresses and localhost.
bool is_own_host(const std::string& header, const std::vector<std::string>& names);

}  // namespace search::cli
