#!/bin/sh
# Other tools on the base nets of experiments, five seeds. usage: VENV=FOLDER run.sh NAS_RUN OUTPUT EXPERIMENT:DATA...; what is there already is passed over.
# Leaves OUTPUT/EXPERIMENT/table.md.
set -eu
nas_run=$1 output=$2
shift 2
here=$(dirname "$0")
for pair in "$@"; do
  name=${pair%%:*} data=${pair#*:}
  experiment=$here/../../$name.yaml folder=$output/$name
  "$nas_run" "$experiment" -s search.seeds=5 -s 'baselines=[]' -s 'prune.criteria=[{name: lda, variant: wilks}]' -o "$folder/run"
  "$VENV/bin/python" "$here/prepare.py" "$nas_run" "$experiment" "$data" "$folder/run" "$folder"
  for peer in torch_pruning fastnas; do
    "$VENV/bin/python" "$here/${peer}_peer.py" "$experiment" "$folder/data" "$folder/bases" "$folder/$peer.jsonl"
  done
  "$VENV/bin/python" "$here/table.py" "$folder/nas_run.jsonl" "$folder/torch_pruning.jsonl" "$folder/fastnas.jsonl" >"$folder/table.md"
  cat "$folder/table.md"
done
