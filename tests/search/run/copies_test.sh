#!/bin/sh
# A run on a host that shares no disk gives the rows that it gives here, and its artifacts come back. usage: copies_test.sh NAS_RUN NAS_WORKER.
# A shell with a home of its own, in which the results are nowhere to be seen where this user may hide them, stands in for ssh.
set -eu
nas_run=$1 worker=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $1"; cat "$folder/run.log" 2>/dev/null; exit 1; }
mkdir "$folder/data" "$folder/home"
python3 "$(dirname "$0")/../../support/tiny_idx.py" "$folder/data"
cat >"$folder/small.yaml" <<END
schema: 1
name: small
tasks: [{name: clothes, dataset: fashion}]
data: {fashion: {format: idx, root: $folder/data, pad: 2, validation_images: 10}}
nets: [{name: vgg11_bn, width: 0.125}]
train: {epochs: 1, batch: 20, precision: fp32}
prune:
  criteria: [l1, random]
  schedules: [{name: gradual, keep: [0.5, 0.25]}]
  retrain: {epochs: 1, distill: {}}
search: {strategy: sweep, seeds: 1}
END
cat >"$folder/host.yaml" <<END
$(cat "$folder/small.yaml")
resources: {executor: ssh, hosts: [{name: far, slots: 2, worker: $worker}]}
END
hide=""
unshare -m true 2>/dev/null && hide="unshare -m"
cat >"$folder/ssh" <<END
#!/bin/sh
for line in "\$@"; do :; done
cd "$folder/home"
export HOME="$folder/home"
exec $hide sh -c "[ -z '$hide' ] || [ ! -d '$folder/there' ] || mount -t tmpfs none '$folder/there'; \$line"
END
chmod 755 "$folder/ssh"
OMP_NUM_THREADS=1 "$nas_run" "$folder/small.yaml" -s resources.slots=1 -s resources.threads_per_slot=1 -o "$folder/here" >/dev/null 2>"$folder/run.log" || fail "the run on this machine"
NAS_SSH=$folder/ssh "$nas_run" "$folder/host.yaml" -o "$folder/there" >/dev/null 2>"$folder/run.log" || fail "the run on the host"
rows=$(python3 "$(dirname "$0")/../../support/rows.py" results "$folder/here" "$folder/there") || fail "the rows differ: $rows"
[ "${rows%% *}" -ge 20 ] || fail "$rows: too few to tell"
for store in here/artifacts home/.cache/nas-run/copies/artifacts; do
  (cd "$folder/$store" && find . -type f | sort) >"$folder/files"
  (cd "$folder/there/artifacts" && find . -type f | sort) | diff - "$folder/files" >"$folder/run.log" || fail "the artifacts are not those of $store"
done
[ -z "$(find "$folder/home/.cache/nas-run/copies" -name '*.pt')" ] || fail "checkpoints are left on the host"

# Another host has none of them: what a further cut reads goes there.
rm -rf "$folder/home/.cache"
NAS_SSH=$folder/ssh "$nas_run" "$folder/host.yaml" -s 'prune.schedules.0.keep=[0.5,0.25,0.2]' -o "$folder/there" >/dev/null 2>"$folder/run.log" || fail "a further cut"
echo "as expected"
