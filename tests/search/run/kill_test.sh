#!/bin/bash
# Kills nas-run, a worker, or both with -9 at random moments of a small run on Fashion-MNIST, starting it again each time. The rows of `steps`
# must equal those of an undisturbed run, no stage may be done twice, and a last start must find nothing to do. With NAS_WORKER set to
# tests/support/fake_worker, whose stages take milliseconds, many kills fit into a few seconds; the run has as many seeds as it takes for all kills to meet it.
# usage: kill_test.sh NAS_RUN KILLS [SEED]
set -u
nas_run=$1 kills=$2
RANDOM=${3:-1}
[ -d /usr/share/datasets/fashion-mnist ] || { echo "skipped: dataset-fashion-mnist is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/small.yaml" <<'YAML'
schema: 1
name: small
tasks: [{name: clothes, dataset: fashion}]
data: {fashion: {format: idx, pad: 2, train_images: 1500, validation_images: 300, test_images: 500}}
nets: [{name: vgg11_bn, width: 0.125}]
baselines: [{name: narrow, keep: 0.3, of: macs}]
train: {epochs: 3, precision: fp32, optimizer: {name: sgd, lr: 0.05}}
prune:
  criteria: [{name: lda, variant: wilks, images: 300}, l1, {name: taylor, images: 300}]
  schedules: [{name: a, keep: [0.6, 0.3], of: macs}, {name: b, keep: [0.6, 0.2], of: macs}]
  retrain: {epochs: 2}
search: {strategy: sweep, seeds: SEEDS}
reliability: {retries: {crash: 99, lost: 99}}
YAML
seeds=1 pace=4  # a kill comes after up to half of `pace` times its share of an undisturbed run
[ -n "${NAS_WORKER:-}" ] && seeds=$((kills * 3 / 5 + 1)) pace=1
sed -i "s/SEEDS/$seeds/" "$work/small.yaml"
rows() { "$nas_run" trials "$1" --json > /dev/null && python3 "$(dirname "$0")/../../support/rows.py" steps "$1"; }

start=$(date +%s%N)
"$nas_run" "$work/small.yaml" -o "$work/calm" > /dev/null 2>&1 || { echo "the undisturbed run failed"; exit 1; }
calm_ms=$((($(date +%s%N) - start) / 1000000))
rows "$work/calm" > "$work/calm.rows"
[ -s "$work/calm.rows" ] || { echo "the undisturbed run left no rows"; exit 1; }

killed=0
seen=""
for i in $(seq 1 $((kills * 3))); do  # some strike before there is a worker to be killed
  [ $killed = "$kills" ] && break
  "$nas_run" "$work/small.yaml" -o "$work/stormy" > /dev/null 2>> "$work/stormy.log" &
  parent=$!
  until pgrep -P $parent > /dev/null || ! kill -0 $parent 2> /dev/null; do sleep 0.01; done  # until there is a worker
  delay=$((RANDOM % (calm_ms * pace / 2 / kills + 20)))
  sleep "$((delay / 1000)).$(printf '%03d' $((delay % 1000)))"
  workers=$(pgrep -P $parent)
  seen="$seen $workers"
  case $((i % 3)) in
    0) victims=$parent ;;
    1) victims=$(echo "$workers" | head -1) ;;
    2) victims="$workers $parent" ;;
  esac
  kill -9 $victims 2> /dev/null && killed=$((killed + 1))
  [ $((i % 3)) = 1 ] && sleep 0.1 && kill -9 $parent 2> /dev/null
  wait $parent 2> /dev/null
done
"$nas_run" "$work/small.yaml" -o "$work/stormy" > /dev/null 2>> "$work/stormy.log" || { echo "the last start failed"; tail -5 "$work/stormy.log"; exit 1; }
rows "$work/stormy" > "$work/stormy.rows"
diff "$work/calm.rows" "$work/stormy.rows" || { echo "the rows differ"; exit 1; }
again=$("$nas_run" "$work/small.yaml" -o "$work/stormy" 2>&1 > /dev/null | tail -1)
echo "$again" | grep -q ' 0 run' || { echo "a last start ran something: $again"; exit 1; }
[ -n "${seen// /}" ] || { echo "no kill met a worker"; exit 1; }
for worker in $seen; do
  case "$(cat /proc/$worker/comm 2> /dev/null)" in nas-worker | fake_worker) false ;; esac || { echo "worker $worker outlived its parent"; exit 1; }
done
[ $killed -gt $((kills / 2)) ] || { echo "only $killed of $kills kills met a run"; exit 1; }  # all of them, unless the load has changed
echo "killed $killed times; $(wc -l < "$work/calm.rows") rows equal; then: $again"
