// A stand-in for Slurm: sbatch starts the jobs as processes of this machine at once, squeue says what became of them, scancel ends them.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace support {

class FakeSlurm {
 public:
  /// Its commands come first in $PATH as long as the object lives. In the folder lie `calls`; a job's line of squeue and its process in
  /// ID_TASK.job and ID_TASK.pid. What the test puts there: `most` jobs of an array; `refuse`, what sbatch says instead of starting any;
  /// `deaf`, what it says after it has; `forget`, so that squeue knows no job.
  explicit FakeSlurm(const std::filesystem::path& where) : folder(where / "slurm"), path_(std::getenv("PATH")) {
    std::filesystem::create_directories(folder);
    write("sbatch", R"sh(for argument; do
  case $argument in
    --array=0-*) last=${argument#--array=0-} ;;
    --job-name=*) name=${argument#--job-name=} ;;
    --output=*) output=${argument#--output=} ;;
    --wrap=*) wrap=${argument#--wrap=} ;;
  esac
done
echo "sbatch $*" >> calls
if [ -e refuse ]; then cat refuse; exit 1; fi
if [ -e most ] && [ "$last" -ge "$(cat most)" ]; then echo "sbatch: error: Job violates accounting/QOS policy"; exit 1; fi
job=$(($(cat next 2>/dev/null || echo 0) + 1))
echo $job > next
for task in $(seq 0 $last); do
  SLURM_ARRAY_JOB_ID=$job SLURM_ARRAY_TASK_ID=$task SLURM_JOB_ID=$job SLURM_JOB_END_TIME=0 \
    setsid sh -c "$wrap" > "$(echo "$output" | sed "s/%a/$task/")" 2>&1 < /dev/null &
  echo $! > ${job}_$task.pid
  echo "$name|$task|$job|RUNNING|0|node$task|" > ${job}_$task.job
done
if [ -e deaf ]; then cat deaf; exit 1; fi
echo $job)sh");
    write("squeue", R"sh([ "$1" = --version ] && exit 0
[ -e forget ] && exit 0
for job in *.job; do
  [ -e "$job" ] || continue
  [ -e "/proc/$(cat "${job%.job}.pid")/exe" ] || sed -i 's/|RUNNING|/|COMPLETED|/' "$job"
  cat "$job"
done)sh");
    write("scancel", R"sh(echo "scancel $*" >> calls
for job; do
  [ -e "$job.pid" ] || continue
  sed -i 's/|RUNNING|/|CANCELLED|/' "$job.job"
  kill "$(cat "$job.pid")" 2>/dev/null
done
exit 0)sh");
    ::setenv("PATH", (folder.string() + ":" + path_).c_str(), 1);
  }
  ~FakeSlurm() { ::setenv("PATH", path_.c_str(), 1); }
  FakeSlurm(const FakeSlurm&) = delete;
  FakeSlurm& operator=(const FakeSlurm&) = delete;

  std::string read(const std::string& file) const {
    std::ostringstream text;
    text << std::ifstream(folder / file).rdbuf();
    return text.str();
  }

  void put(const std::string& file, const std::string& text) const { std::ofstream(folder / file) << text; }
  void remove(const std::string& file) const { std::filesystem::remove(folder / file); }

  /// The process of a job, as in "1_0".
  int process(const std::string& job) const { return std::stoi(read(job + ".pid")); }

  std::filesystem::path folder;

 private:
  void write(const std::string& command, const std::string& lines) const {
    put(command, "#!/bin/sh\ncd '" + folder.string() + "' || exit 1\n" + lines + "\n");
    std::filesystem::permissions(folder / command, std::filesystem::perms::owner_all);
  }

  std::string path_;
};

}  // namespace support
