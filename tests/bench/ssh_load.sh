#!/bin/sh
# What ssh adds: pretended stages of MILLISECONDS by two workers here and by two through a real sshd. usage: ssh_load.sh NAS_RUN FAKE_WORKER SEEDS MILLISECONDS
# A seed is ten stages.
set -eu
nas_run=$1 fake_worker=$2 seeds=$3
folder=$(mktemp -d) daemons=""
printf '#!/bin/sh\nFAKE_STAGE_MS=%s exec %s "$@"\n' "$4" "$fake_worker" >"$folder/worker"
chmod 755 "$folder/worker"
export NAS_WORKER=$folder/worker
. "$(dirname "$0")/../search/run/sshd.sh"
. "$(dirname "$0")/../support/pretended.sh"
trap '[ -z "$daemons" ] || kill $daemons; rm -rf "$folder"' EXIT
start_sshd
pretended load /usr/share/datasets/fashion-mnist "$seeds" >"$folder/here.yaml"
{ cat "$folder/here.yaml"; echo "resources: {executor: ssh, hosts: [{name: 127.0.0.1, slots: 2, worker: $folder/worker}], shared: $folder/shared}"; } >"$folder/ssh.yaml"
for name in here ssh; do
  began=$(date +%s.%N)
  NAS_SSH=$folder/ssh "$nas_run" "$folder/$name.yaml" -o "$folder/of_$name" $([ $name = ssh ] || echo --slots 2) >/dev/null 2>"$folder/$name.log" ||
    { cat "$folder/$name.log"; exit 1; }
  echo "$name: $(tail -n 1 "$folder/$name.log" | grep -o '[0-9]* stages: [0-9]* run'), $(echo "$(date +%s.%N) - $began" | bc) s"
done
