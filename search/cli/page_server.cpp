#include "search/cli/page_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <httplib.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>

#include "storage/base/error.h"

namespace search::cli {

namespace {

using storage::Error;
using storage::ErrorKind;

constexpr std::size_t kThreads = 64;
constexpr std::chrono::seconds kReadTimeout{1}, kKeepAlive{2};
constexpr const char* plain = "text/plain; charset=utf-8";

bool is_address(const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

/// "host:80", "[::1]:80" or "host" without the port and the brackets.
std::string host_of(const std::string& header) {
  if (header.starts_with("[")) return header.substr(1, header.find(']') - 1);
  return header.substr(0, header.find(':'));
}

std::string machine_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

void configure(httplib::Server& server, const PageServer& options, std::mutex& mutex) {
  const std::vector<std::string> names{options.host, machine_name()};
  // Requests are small and come at once: who sends half of one is not waited for, and cannot keep all threads busy for long.
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_read_timeout(kReadTimeout);
  server.set_keep_alive_timeout(kKeepAlive.count());
  // Not SO_REUSEPORT, the library's own choice, by which a second server would take half of the requests.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.set_payload_max_length(1 << 16);
  server.set_default_headers({{"Cache-Control", "no-store"},
                              {"X-Content-Type-Options", "nosniff"},
                              {"X-Frame-Options", "DENY"},
                              {"Referrer-Policy", "no-referrer"}});
  const auto refuse = [](httplib::Response& response, int status, const std::string& why) {
    response.status = status;
    response.set_header("Connection", "close");  // a body that comes along stays unread
    response.set_content(why + "\n", plain);
    return httplib::Server::HandlerResponse::Handled;
  };
  server.set_pre_routing_handler([names, refuse](const httplib::Request& request, httplib::Response& response) {
    if (!is_own_host(request.get_header_value("Host"), names)) return refuse(response, 403, "not for this host");
    if (request.method == "GET" || request.method == "HEAD") return httplib::Server::HandlerResponse::Unhandled;
    response.set_header("Allow", "GET, HEAD");
    return refuse(response, 405, "only GET and HEAD");
  });
  server.Get("/", [&options, &mutex](const httplib::Request&, httplib::Response& response) {
    const std::lock_guard<std::mutex> one_at_a_time(mutex);
    try {
      response.set_content(options.page(), "text/html; charset=utf-8");
    } catch (const Error& error) {
      response.status = 503;
      response.set_content(fmt::format("{}\n", error.what()), plain);
    }
  });
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty()) response.set_content(response.status == 404 ? "there is only /\n" : "refused\n", plain);
  });
}

/// SIGINT and SIGTERM for whom asks for them, while it lives.
class HeldSignals {
 public:
  HeldSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);  // the threads that come inherit it
  }
  ~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  void wait() const {
    int signal = 0;
    sigwait(&signals_, &signal);
  }

 private:
  sigset_t signals_{}, before_{};
};

}  // namespace

bool is_own_host(const std::string& header, const std::vector<std::string>& names) {
  const std::string host = host_of(header);
  return host == "localhost" || is_address(host) || (!host.empty() && std::find(names.begin(), names.end(), host) != names.end());
}

void serve_page(const PageServer& options) {
  const HeldSignals signals;
  std::mutex mutex;
  httplib::Server server;
  configure(server, options, mutex);
  errno = 0;
  const int port = options.port == 0                                 ? server.bind_to_any_port(options.host)
                   : server.bind_to_port(options.host, options.port) ? options.port
                                                                     : -1;
  if (port <= 0)
    throw Error(ErrorKind::environment,
                fmt::format("can't listen at {}:{}{}; valid: another --port, 0 for any that is free, or another --host", options.host,
                            options.port, errno == 0 ? "" : fmt::format(": {}", std::strerror(errno))));
  options.listening(port);
  std::atomic<bool> ended{false};
  std::thread stopper([&] {
    signals.wait();
    // A signal can come before the server runs, and stop() does nothing then.
    while (!ended && !server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    server.stop();
  });
  const bool stopped = server.listen_after_bind();
  ended = true;
  if (!stopped) pthread_kill(stopper.native_handle(), SIGTERM);  // it waits still
  stopper.join();
  if (!stopped) throw Error(ErrorKind::environment, fmt::format("{}:{} does not listen any more", options.host, port));
}

}  // namespace search::cli
