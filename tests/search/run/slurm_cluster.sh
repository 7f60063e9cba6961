# A Slurm cluster of two nodes on this machine's loopback, under $cluster: sourced by the tests that need one. As root; own ports, keys and
# folders, nothing of the system's is touched. Nodes n1 and n2 have two cores each (CORES), n1 two pretended GPUs besides.
cores=${CORES:-2} daemons=""

free_port() { python3 -c "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"; }

start_cluster() {
  mkdir -p "$cluster/state" "$cluster/n1" "$cluster/n2"
  export SLURM_CONF="$cluster/slurm.conf"
  dd if=/dev/urandom of="$cluster/munge.key" bs=1 count=1024 status=none
  chmod 600 "$cluster/munge.key"
  for gpu in 0 1; do [ -e "$cluster/gpu$gpu" ] || mknod "$cluster/gpu$gpu" c 1 3; done
  controller_port=$(free_port)
  cat > "$SLURM_CONF" <<END
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$controller_port
AuthType=auth/munge
AuthInfo=socket=$cluster/munge.socket
CryptoType=crypto/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/%n/spool
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/%n/slurmd.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/%n/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=1,sched_interval=5,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
KillWait=5
MinJobAge=${MIN_JOB_AGE:-30}
MaxArraySize=${MAX_ARRAY_SIZE:-1001}
MaxJobCount=${MAX_JOB_COUNT:-1000}
SlurmctldTimeout=30
SlurmdTimeout=60
MessageTimeout=5
JobCompType=jobcomp/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=n1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$(free_port) CPUs=$cores RealMemory=1000 Gres=gpu:2 State=UNKNOWN
NodeName=n2 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$(free_port) CPUs=$cores RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=60 DefaultTime=10 OverSubscribe=NO State=UP
END
  echo "NodeName=n1 Name=gpu File=$cluster/gpu[0-1]" > "$cluster/gres.conf"
  munged --force --key-file="$cluster/munge.key" --socket="$cluster/munge.socket" --pid-file="$cluster/munged.pid" \
    --log-file="$cluster/munged.log" --seed-file="$cluster/munge.seed"
  start_controller
  start_node n1
  start_node n2
  wait_for 30 'sinfo -h -o %T 2>/dev/null | grep -qx idle && [ "$(sinfo -h -N -o %T | sort -u)" = idle ]' || return 1
}

# With -D, so that their numbers are known: they are asked to end, and made to, when the test is over.
start_controller() { slurmctld -D -f "$SLURM_CONF" >>"$cluster/start.log" 2>&1 & controller=$! daemons="$daemons $!"; }

# start_node NAME [COMMAND...]: in what the command makes, as in unshare.
start_node() { node=$1; shift; "$@" slurmd -D -N "$node" -f "$SLURM_CONF" >>"$cluster/start.log" 2>&1 & daemons="$daemons $!"; eval "$node=$!"; }

wait_for() {  # SECONDS CONDITION
  i=0
  until eval "$2"; do
    i=$((i + 1))
    [ $i -lt $(($1 * 5)) ] || return 1
    sleep 0.2
  done
}

stop_cluster() {
  [ -n "$daemons" ] || return 0
  scancel --user=root 2>/dev/null && wait_for 15 '[ -z "$(squeue --noheader 2>/dev/null)" ]'
  kill $daemons "$(cat "$cluster/munged.pid")" 2>/dev/null
  sleep 1
  kill -9 $daemons 2>/dev/null
  wait $daemons 2>/dev/null
}
