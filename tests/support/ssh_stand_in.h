// A stand-in for ssh: runs on this machine what ssh would run on the host, and writes down what it was called with.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace support {

class SshStandIn {
 public:
  /// $NAS_SSH names it as long as the object lives.
  explicit SshStandIn(const std::filesystem::path& folder) : calls_(folder / "ssh_calls") {
    const std::filesystem::path script = folder / "ssh";
    std::ofstream(script) << "#!/bin/sh\necho \"$@\" >> '" << calls_.string()
                          << "'\nwhile [ $# -gt 1 ]; do shift; done\nexec sh -c \"$1\"\n";
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    ::setenv("NAS_SSH", script.c_str(), 1);
  }
  ~SshStandIn() { ::unsetenv("NAS_SSH"); }
  SshStandIn(const SshStandIn&) = delete;
  SshStandIn& operator=(const SshStandIn&) = delete;

  std::string calls() const {
    std::ostringstream text;
    text << std::ifstream(calls_).rdbuf();
    return text.str();
  }

 private:
  std::filesystem::path calls_;
};

}  // namespace support
