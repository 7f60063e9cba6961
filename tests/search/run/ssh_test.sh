#!/bin/sh
# A run through a real sshd on this machine's loopback gives the rows that it gives with workers of its own. usage: ssh_test.sh NAS_RUN; NAS_WORKER
# names the worker. Exits 77 where there is no sshd. As root also through two hosts with a network each of their own, where the kernel has such.
set -eu
nas_run=$1
. "$(dirname "$0")/sshd.sh"
[ -x "$sshd" ] || { echo "skipped: no sshd"; exit 77; }
folder=$(mktemp -d)
daemons="" networks=""
end() {
  [ -z "$daemons" ] || kill $daemons 2>/dev/null || true
  for network in $networks; do ip netns del "$network" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap end EXIT
fail() { echo "FAILED: $1"; cat "$folder/run.log" 2>/dev/null; exit 1; }
start_sshd || fail "sshd does not answer"

mkdir "$folder/data"
python3 "$(dirname "$0")/../../support/tiny_idx.py" "$folder/data"
cat >"$folder/small.yaml" <<END
schema: 1
name: small
tasks: [{name: clothes, dataset: fashion}]
data: {fashion: {format: idx, root: $folder/data}}
nets: [{name: squeezenet1_1, width: 0.25}]
train: {epochs: 1}
prune:
  criteria: [l1, random]
  schedules: [{name: gradual, keep: [0.5, 0.25]}]
  retrain: {epochs: 1}
search: {strategy: sweep, seeds: 2}
END
cat >"$folder/hosts.yaml" <<END
$(cat "$folder/small.yaml")
resources:
  executor: ssh
  shared: $folder/shared
  hosts:
    - {name: 127.0.0.1, slots: 2, worker: $NAS_WORKER}
    - {name: localhost, worker: $NAS_WORKER}
END
"$nas_run" "$folder/small.yaml" -o "$folder/here" >/dev/null 2>"$folder/run.log" || fail "the run on this machine"
NAS_SSH=$folder/ssh "$nas_run" "$folder/hosts.yaml" -o "$folder/there" >/dev/null 2>"$folder/run.log" || fail "the run through ssh"
same_rows() {  # RESULTS WORKERS: those of the run on this machine, by so many workers
  python3 "$(dirname "$0")/../../support/rows.py" metrics "$folder/here" "$folder/$1" || fail "the rows differ"
  handles=$(python3 -c "import sqlite3, sys; print(*sqlite3.connect(f'file:{sys.argv[1]}/experiment.db?mode=ro', uri=True).execute(\"SELECT count(DISTINCT handle) FROM attempt WHERE handle LIKE 'pid %'\").fetchone())" "$folder/$1")
  [ "$handles" = "$2" ] || fail "$handles workers, not $2"
}
same_rows there 3
[ -d "$folder/shared/there/artifacts" ] || fail "no shared artifacts"
NAS_SSH=$folder/ssh "$nas_run" doctor --executor ssh "$folder/hosts.yaml" >"$folder/run.log" && fail "a worker of another version is no problem"
[ "$(grep -c "has nas-worker fake, .* valid: one version" "$folder/run.log")" = 2 ] || fail "no word of the workers' version"

# Two hosts: a network namespace and an sshd each.
sed "s/^ListenAddress .*/ListenAddress 0.0.0.0:$port/" "$folder/sshd_config" >"$folder/host_config"
hosts=""
for number in 1 2; do
  network=nas$$n$number link=nas$number$$ address=10.213.$number
  networks="$networks $network"
  if ! { ip netns add "$network" && ip link add "$link" type veth peer name eth0 netns "$network"; } 2>/dev/null; then
    echo "no networks of their own here: as expected on one host"
    exit 0
  fi
  ip addr add "$address.1/24" dev "$link"
  ip link set "$link" up
  ip -n "$network" addr add "$address.2/24" dev eth0
  ip -n "$network" link set eth0 up
  ip netns exec "$network" "$sshd" -D -e -f "$folder/host_config" 2>>"$folder/sshd.log" &
  daemons="$daemons $!"
  hosts="$hosts    - {name: $address.2, worker: $NAS_WORKER}
"
done
for host in 10.213.1.2 10.213.2.2; do answers $host || fail "host $host does not answer"; done
printf '%s\nresources:\n  executor: ssh\n  shared: %s\n  hosts:\n%s' "$(cat "$folder/small.yaml")" "$folder/shared" "$hosts" >"$folder/two.yaml"
NAS_SSH=$folder/ssh "$nas_run" "$folder/two.yaml" -o "$folder/two" >/dev/null 2>"$folder/run.log" || fail "the run on two hosts"
same_rows two 2
echo "as expected"
