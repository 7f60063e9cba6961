#!/bin/bash
# The executor slurm under load: pretended stages of MILLISECONDS on PILOTS jobs of a Slurm on this machine, against as many workers of its own, and
# with KILLS of nas-run and of pilots in turn. As root, with slurm-wlm and munge. usage: slurm_load.sh NAS_RUN FAKE_WORKER PILOTS SEEDS MILLISECONDS [KILLS]
# A seed is ten stages. Prints wall time, stages a second, and what nas-run took of processor and memory.
set -eu
nas_run=$1 fake_worker=$2 pilots=$3 seeds=$4 kills=${6:-0}
export FAKE_STAGE_MS=$5
folder=$(mktemp -d) cluster=$folder/cluster
CORES=$(((pilots + 1) / 2)) MAX_JOB_COUNT=10000
mkdir "$cluster"
. "$(dirname "$0")/../search/run/slurm_cluster.sh"
. "$(dirname "$0")/../support/pretended.sh"
trap 'stop_cluster; rm -rf "$folder"' EXIT
start_cluster || { echo "the cluster does not start"; exit 1; }
pretended load /usr/share/datasets/fashion-mnist "$seeds" > "$folder/here.yaml"
{ cat "$folder/here.yaml"; echo "resources: {executor: slurm, shared: $folder/shared, slurm: {seats: $pilots, worker: $fake_worker, poll: 5, delay: 10}}"; } > "$folder/slurm.yaml"

# measure NAME ARGUMENTS: runs nas-run, says what it took.
measure() {
  python3 - "$@" <<'END'
import os, resource, subprocess, sys, time
name, *command = sys.argv[1:]
start = time.time()
code = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=open(f"{name}.log", "a")).returncode
wall, used = time.time() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{os.path.basename(name)}: {wall:.1f} s, processor {used.ru_utime + used.ru_stime:.1f} s with all that it waited for, most memory of one process {used.ru_maxrss / 1024:.0f} MB, exit code {code}")
END
}
rows() { python3 -c "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT fingerprint, state, name, value FROM stage JOIN metric ON metric.stage = number ORDER BY 1, 3'), sep='\n')" "$1/experiment.db"; }

NAS_WORKER=$fake_worker measure "$folder/here" "$nas_run" run "$folder/here.yaml" -o "$folder/here" --slots "$pilots"
measure "$folder/slurm" "$nas_run" "$folder/slurm.yaml" -o "$folder/slurm"
rows "$folder/here" > "$folder/here.rows"
rows "$folder/slurm" > "$folder/slurm.rows"
cmp "$folder/here.rows" "$folder/slurm.rows" && echo "$(wc -l < "$folder/slurm.rows") rows equal"
[ "$kills" -gt 0 ] || exit 0

"$nas_run" "$folder/slurm.yaml" -o "$folder/stormy" > /dev/null 2>> "$folder/stormy.log" & run=$!
for i in $(seq "$kills"); do
  sleep 0.$((RANDOM % 9 + 1))
  if [ $((i % 2)) = 0 ]; then
    kill -9 $run 2> /dev/null && wait $run 2> /dev/null || true
    "$nas_run" "$folder/slurm.yaml" -o "$folder/stormy" > /dev/null 2>> "$folder/stormy.log" & run=$!
  else
    victim=$(pgrep -f -- "$folder/shared/stormy/workers/.*--handle" | shuf -n 1)
    [ -z "$victim" ] || kill -9 "$victim" 2> /dev/null || true
  fi
done
wait $run && code=0 || code=$?
rows "$folder/stormy" > "$folder/stormy.rows"
cmp "$folder/here.rows" "$folder/stormy.rows" && echo "after $kills kills: $(wc -l < "$folder/stormy.rows") rows equal, exit code $code"
