#!/bin/bash
# Runs through a real Slurm of two nodes on this machine, with what befalls jobs and machines, give the rows that workers of this machine give.
# As root, with slurm-wlm and munge; exits 77 where that is not so. usage: slurm_test.sh NAS_RUN FAKE_WORKER [NAS_WORKER]: stages are pretended by
# tests/support/fake_worker, and where nas-worker is given, once real.
set -u
nas_run=$1 fake_worker=$2 worker=${3:-}
for program in slurmctld slurmd munged sbatch; do
  command -v $program > /dev/null || { echo "skipped: no $program (Debian: slurm-wlm munge)"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "skipped: Slurm's daemons need root here"; exit 77; }
folder=$(mktemp -d) cluster=$folder/cluster run=""
mkdir "$cluster" "$folder/data"
chmod 755 "$folder"
. "$(dirname "$0")/slurm_cluster.sh"
. "$(dirname "$0")/../../support/pretended.sh"
finish() {
  [ -z "$run" ] || kill -9 "$run" 2> /dev/null
  stop_cluster
  [ -n "${KEEP:-}" ] || rm -rf "$folder"
}
trap finish EXIT
fail() { echo "FAILED: $1"; tail -n 30 "$folder"/*.log; squeue --states=all 2> /dev/null; exit 1; }
start_cluster || { tail -n 20 "$cluster"/*.log "$cluster"/n?/*.log; fail "the cluster does not start"; }

python3 "$(dirname "$0")/../../support/tiny_idx.py" "$folder/data"
# experiment NAME SEEDS WORKER [SETTINGS OF SLURM]: NAME.yaml for Slurm, NAME-here.yaml for this machine.
experiment() {
  pretended "$1" "$folder/data" "$2" > "$folder/$1-here.yaml"
  { cat "$folder/$1-here.yaml"; echo "resources: {executor: slurm, shared: $folder/shared, slurm: {seats: 4, worker: $3, poll: 1, delay: ${DELAY:-3}, idle: 20${4:-}}}"; } > "$folder/$1.yaml"
}
start_run() { "$nas_run" "$folder/$1.yaml" -o "$folder/$1" > /dev/null 2>> "$folder/$1.log" & run=$!; }
wait_run() { wait_for ${1:-180} "! kill -0 $run 2> /dev/null" || fail "it does not end"; wait $run; code=$?; run=""; return $code; }
query() { python3 -c "import sqlite3, sys; print(*[row[0] for row in sqlite3.connect(f'file:{sys.argv[1]}/experiment.db?mode=ro', uri=True).execute(sys.argv[2])])" "$folder/$1" "$2" 2> /dev/null; }
done_stages() { query "$1" "SELECT count(*) FROM stage WHERE state = 'done'"; }
running_jobs() { squeue --noheader --array --states=running --format='%F_%K'; }
# The rows of a run are those of one on this machine.
compare() {
  NAS_WORKER=${2:-$fake_worker} FAKE_STAGE_MS=1 "$nas_run" "$folder/$1-here.yaml" -o "$folder/$1-here" > /dev/null 2>> "$folder/$1.log" || fail "$1: the run on this machine"
  python3 "$(dirname "$0")/../../support/rows.py" results "$folder/$1" "$folder/$1-here" || fail "$1: the rows differ"
  echo "$1: $(query "$1" 'SELECT count(*) FROM stage') stages, $(query "$1" 'SELECT count(*) FROM attempt') attempts, $(query "$1" 'SELECT count(DISTINCT handle) FROM attempt') workers; rows equal"
}

# What a doctor finds: a node, its worker's version, how long a word takes; or what is wrong.
examined() {
  experiment examined 1 "$fake_worker"
  "$nas_run" doctor --executor slurm "$folder/examined.yaml" > "$folder/examined.log"
  [ $? = 6 ] || fail "examined: a worker of another version is no problem"
  grep -q "n[12] has nas-worker fake, .* valid: one version" "$folder/examined.log" || fail "examined: no word of the version"
  [ -n "$worker" ] || return 0
  experiment examined 1 "$worker"
  "$nas_run" doctor --executor slurm "$folder/examined.yaml" > "$folder/examined.log" || fail "examined: a problem"
  grep "s through the shared folder and back" "$folder/examined.log" || fail "examined: no word of the folder"
}

sweep() {
  experiment sweep 4 "$fake_worker"
  start_run sweep; wait_run || fail "the sweep"
  compare sweep
  [ "$(query sweep "SELECT count(DISTINCT handle) FROM attempt WHERE handle LIKE 'slurm %'")" = 4 ] || fail "not four workers: $(query sweep 'SELECT DISTINCT handle FROM attempt')"
  [ -z "$(ls "$folder/shared/sweep/workers")" ] || fail "folders of workers are left over"
}

real() {
  [ -n "$worker" ] || return 0
  experiment real 1 "$worker"
  start_run real; wait_run || fail "the sweep of real stages"
  compare real "$worker"
}

failing() {
  experiment failing 1 "$fake_worker"
  FAKE_FAILURE=evaluate start_run failing
  wait_run; [ $? = 4 ] || fail "a run with a failing stage does not end with 4"
  echo "failing: $(query failing "SELECT count(*) FROM stage WHERE state = 'failed'") stages failed, $(done_stages failing) done"
}

# A job is cancelled, a worker killed: the first does not count against its stage.
killed() {
  experiment killed 6 "$fake_worker"
  FAKE_STAGE_MS=1500 start_run killed
  wait_for 60 '[ "$(done_stages killed)" -ge 4 ]' || fail "killed: nothing runs"
  scancel "$(running_jobs | head -1)"
  wait_for 30 '[ "$(running_jobs | wc -l)" -ge 3 ]'
  kill -9 "$(pgrep -f -- "--handle slurm $(running_jobs | tail -1) ")" || fail "killed: no worker to kill"
  wait_run || fail "the run with killed workers"
  compare killed
  [ -n "$(query killed "SELECT failure_kind FROM attempt WHERE failure_kind = 'preempted'")" ] || fail "killed: nothing was preempted"
  [ -n "$(query killed "SELECT failure_kind FROM attempt WHERE failure_kind = 'lost'")" ] || fail "killed: nothing was lost: $(query killed 'SELECT failure_kind FROM attempt')"
}

# Slurm's controller dies and comes back; jobs run on meanwhile.
headless() {
  sleep 6  # until Slurm has saved that earlier jobs have ended: it would take them for running again
  experiment headless 5 "$fake_worker"
  FAKE_STAGE_MS=1000 start_run headless
  wait_for 60 '[ "$(done_stages headless)" -ge 3 ]' || fail "headless: nothing runs"
  kill -9 $controller
  before=$(done_stages headless)
  wait_for 30 '[ "$(done_stages headless)" -ge $((before + 6)) ]' || fail "headless: stages wait for slurmctld"
  start_controller
  wait_run || fail "the run without slurmctld"
  compare headless
  scancel --user=root  # jobs that ended while it was away, and that it takes for running
}

# nas-run is killed, then its session ends, and it is started again: no stage begins twice. One that was being handed out at the kill may have
# an attempt that no worker took.
orphaned() {
  experiment orphaned 5 "$fake_worker"
  export FAKE_BEGUN="$folder/orphaned.begun"
  times=0
  for signal in KILL HUP; do
    times=$((times + 1))
    FAKE_STAGE_MS=2000 start_run orphaned
    wait_for 60 '[ "$(done_stages orphaned)" -ge $((times * 5)) ]' || fail "orphaned: nothing runs"
    kill -$signal $run; wait $run 2> /dev/null
    sleep $((times * 2))
  done
  FAKE_STAGE_MS=2000 start_run orphaned; wait_run || fail "the last start of the orphaned run"
  unset FAKE_BEGUN
  compare orphaned
  grep -q "still runs, in slot" "$folder/orphaned.log" || fail "orphaned: no stage was adopted"
  [ "$(wc -l < "$folder/orphaned.begun")" = "$(query orphaned 'SELECT count(*) FROM stage')" ] || fail "orphaned: stages ran twice: $(sort "$folder/orphaned.begun" | uniq -d)"
}

# Ctrl-C: what runs is interrupted, what waits is cancelled, and the same command goes on.
stopped() {
  experiment stopped 3 "$fake_worker"
  sed -i 's/seats: 4/seats: 6/' "$folder/stopped.yaml"
  FAKE_STAGE_MS=3000 start_run stopped
  wait_for 60 '[ "$(done_stages stopped)" -ge 1 ]' || fail "stopped: nothing runs"
  wait_for 20 '"$nas_run" status "$folder/stopped" | grep -q "4, 2 stages wait for a worker"' || fail "stopped: status does not say that two wait"
  kill -INT $run
  wait_run; [ $? = 130 ] || fail "stopped: it does not end with 130"
  wait_for 20 '[ -z "$(squeue --noheader)" ]' || fail "stopped: jobs are left over"
  FAKE_STAGE_MS=1 start_run stopped; wait_run || fail "the run after Ctrl-C"
  compare stopped
}

# Jobs with a time limit: workers leave before it, others come. A delay above that of a sign of life, so that none is given up at its end.
limited() {
  DELAY=8 experiment limited 6 "$fake_worker" ", time: '1', notice: 40"
  FAKE_STAGE_MS=4000 start_run limited; wait_run || fail "the run with a time limit"
  compare limited
  [ "$(query limited 'SELECT count(DISTINCT handle) FROM attempt')" -gt 4 ] || fail "limited: no worker was replaced"
  [ -z "$(query limited "SELECT failure_kind FROM attempt WHERE failure_kind != 'preempted'")" ] || fail "limited: a stage failed: $(query limited "SELECT failure_kind || ': ' || failure FROM attempt WHERE failure_kind != 'preempted'")"
}

# Two GPUs on one node: each worker sees its own.
gpus() {
  cat > "$folder/worker.sh" <<END
#!/bin/sh
echo "\$CUDA_VISIBLE_DEVICES" >> "$folder/gpus.seen"
exec "$fake_worker" "\$@"
END
  chmod 755 "$folder/worker.sh"
  experiment gpus 2 "$folder/worker.sh" ", gpus_per_seat: 1"
  sed -i 's/seats: 4/seats: 2/' "$folder/gpus.yaml"
  FAKE_STAGE_MS=300 start_run gpus; wait_run || fail "the run on GPUs"
  compare gpus
  [ "$(sort "$folder/gpus.seen" | tr '\n' ' ')" = "0 1 " ] || fail "gpus: workers saw $(sort "$folder/gpus.seen" | tr '\n' ' ')"
}

# nas-run runs in a job itself, beside those that it asks for.
inside() {
  experiment inside 2 "$fake_worker"
  sed -i 's/seats: 4/seats: 3/' "$folder/inside.yaml"
  sbatch --wait --output="$folder/inside.log" --wrap="exec '$nas_run' '$folder/inside.yaml' -o '$folder/inside'" > /dev/null || fail "the run in a job"
  compare inside
}

# A node without the shared folder gets no more.
unmounted() {
  mkdir -p "$folder/shared"
  kill $n2
  sleep 1
  start_node n2 unshare --mount sh -c "mount -t tmpfs none '$folder/shared' && exec \"\$@\"" start
  wait_for 30 '[ "$(sinfo -h -N -o %T | sort -u)" = idle ]' || fail "unmounted: n2 does not come back: $(sinfo)"
  experiment unmounted 5 "$fake_worker"
  FAKE_STAGE_MS=1000 start_run unmounted; wait_run || fail "the run with a node without the folder"
  compare unmounted
  grep "slurm: node n2" "$folder/unmounted.log" || fail "unmounted: n2 was not excluded"
}

for scenario in ${SCENARIOS:-examined sweep real failing killed headless orphaned stopped inside limited gpus unmounted}; do
  $scenario
  wait_for 30 '[ -z "$(squeue --noheader)" ]' || fail "$scenario: jobs are left over"
done
echo "as expected"
