#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "search/cli/request.h"
#include "search/run/executors/spawn.h"
#include "search/run/executors/worker_command.h"
#include "search/run/machine.h"
#include "storage/base/error.h"

namespace search::cli {

using storage::Error;
using storage::ErrorKind;

namespace {

/// A temporary file without a name, which goes with the object.
class Scratch {
 public:
  Scratch() : file_(std::tmpfile(), std::fclose) {
    if (!file_) throw Error(ErrorKind::environment, fmt::format("a temporary file can't be made: {}", std::strerror(errno)));
  }
  int descriptor() const { return fileno(file_.get()); }

  void write(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() || std::fflush(file_.get()) != 0) {
      throw Error(ErrorKind::environment, fmt::format("a temporary file can't be written: {}", std::strerror(errno)));
    }
    std::rewind(file_.get());
  }

  std::string read() {
    std::rewind(file_.get());
    std::string text;
    char block[4096];
    for (std::size_t n = 0; (n = std::fread(block, 1, sizeof block, file_.get())) > 0;) text.append(block, n);
    return text;
  }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

/// What OMP_NUM_THREADS asks for, or else a thread for each core that this process may use.
int wanted_threads() {
  const char* asked = std::getenv("OMP_NUM_THREADS");
  int threads = 0;
  if (asked) std::from_chars(asked, asked + std::strlen(asked), threads);
  return threads > 0 ? std::min(threads, allowed_cores()) : allowed_cores();
}

/// Runs the worker to its end with these files as stdin and stdout.
int run_worker(const std::filesystem::path& worker, int threads, const Scratch& input, const Scratch& output) {
  const Environment environment = sleeping_threads();
  const pid_t child = spawn({worker,
                             {"--threads", std::to_string(threads), "--parent", std::to_string(getpid()), "request"},
                             {environment.begin(), environment.end()}},
                            {{input.descriptor(), STDIN_FILENO}, {output.descriptor(), STDOUT_FILENO}});
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Json ask_worker(const Json& request, int threads) {
  Scratch input, output;
  try {
    input.write(request.dump() + "\n");
  } catch (const Json::type_error&) {
    throw Error(ErrorKind::usage, "a file's name is not UTF-8; valid: one that is");
  }
  const int status = run_worker(require_worker(), threads > 0 ? threads : wanted_threads(), input, output);
  const Json answer = Json::parse(output.read(), nullptr, /*allow_exceptions=*/false);
  if (answer.is_object() && answer.contains("ok")) return answer.at("ok");
  if (answer.is_object() && answer.contains("error")) {
    const Json& error = answer.at("error");
    throw Error(static_cast<ErrorKind>(error.at("kind").get<int>()), error.at("message").get<std::string>());
  }
  throw Error(ErrorKind::internal, WIFSIGNALED(status) ? fmt::format("the worker was ended by signal {}", WTERMSIG(status))
                                                       : fmt::format("the worker ended with code {} and no answer", WEXITSTATUS(status)));
}

}  // namespace search::cli
