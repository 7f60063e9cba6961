#!/bin/bash
# Runs into a disk that fills up (a small tmpfs): the run must end with exit code 6 and a message, keep what it had recorded, and go on
# once there is room, to the rows of an undisturbed run. NAS_WORKER: tests/support/fake_worker. usage: full_disk_test.sh NAS_RUN
set -u
nas_run=$1
[ -d /usr/share/datasets/fashion-mnist ] || { echo "skipped: dataset-fashion-mnist is not installed"; exit 77; }
work=$(mktemp -d)
mkdir "$work/disk"
mount -t tmpfs -o size=2600k tmpfs "$work/disk" 2> /dev/null || { echo "skipped: a tmpfs cannot be mounted here"; rm -rf "$work"; exit 77; }
trap 'umount "$work/disk"; rm -rf "$work"' EXIT
cat > "$work/small.yaml" <<'YAML'
schema: 1
name: small
tasks: [{name: clothes, dataset: fashion}]
data: {fashion: {format: idx, pad: 2, train_images: 1500, validation_images: 300, test_images: 500}}
nets: [{name: vgg11_bn, width: 0.125}]
train: {epochs: 3, precision: fp32, optimizer: {name: sgd, lr: 0.05}}
prune:
  criteria: [lda, l1, taylor, random]
  schedules: [{name: a, keep: [0.6, 0.4, 0.3, 0.2], of: macs}, {name: b, keep: [0.5, 0.25, 0.1], of: macs}]
search: {strategy: sweep, seeds: 6}
YAML
rows() { python3 "$(dirname "$0")/../../support/rows.py" steps "$1"; }
"$nas_run" "$work/small.yaml" -o "$work/calm" > /dev/null 2>&1 || { echo "the undisturbed run failed"; exit 1; }
rows "$work/calm" > "$work/calm.rows"

"$nas_run" "$work/small.yaml" -o "$work/disk/run" > /dev/null 2> "$work/full.log"
code=$?
[ $code = 6 ] || { echo "exit code $code on a full disk"; tail -3 "$work/full.log"; exit 1; }
grep -qi "full" "$work/full.log" || { echo "no word of a full disk:"; tail -3 "$work/full.log"; exit 1; }
done_before=$(grep -c '^\[.*done ' "$work/full.log")
[ "$done_before" -gt 0 ] || { echo "the disk was full before the first stage: nothing is tested"; exit 1; }

mount -o remount,size=64m "$work/disk" || exit 1
"$nas_run" "$work/small.yaml" -o "$work/disk/run" > /dev/null 2> "$work/again.log" || { echo "the second start failed"; tail -3 "$work/again.log"; exit 1; }
reused=$(sed -n 's/.* run, \([0-9]*\) done before.*/\1/p' "$work/again.log")
[ "$reused" -ge "$done_before" ] || { echo "$done_before were recorded, $reused were found again"; exit 1; }
rows "$work/disk/run" > "$work/disk.rows"
diff "$work/calm.rows" "$work/disk.rows" || { echo "the rows differ"; exit 1; }
echo "full after $done_before stages, $reused found again; $(wc -l < "$work/calm.rows") rows equal"
