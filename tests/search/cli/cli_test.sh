#!/bin/sh
# What nas-run prints and where, and its exit codes. Usage: cli_test.sh NAS_RUN EXPERIMENTS
set -u
nas_run=$1 experiments=$2
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory" || exit 1
failures=0

# expect CODE STDOUT STDERR COMMAND...: the exit code, and a pattern (grep -E) that each stream must hold; "" means that it must be empty.
expect() {
  code=$1 out=$2 err=$3
  shift 3
  "$@" >out 2>err
  got=$?
  wrong=""
  [ "$got" = "$code" ] || wrong="exit code $got, not $code"
  for stream in out err; do
    eval pattern=\$$stream
    if [ -z "$pattern" ]; then
      [ -s $stream ] && wrong="$wrong; std$stream is not empty"
    else
      grep -Eq -e "$pattern" $stream || wrong="$wrong; std$stream has no '$pattern'"
    fi
  done
  if [ -n "$wrong" ]; then
    echo "FAILED: $*: $wrong"
    cat out err
    failures=$((failures + 1))
  fi
}

# is_json: the last command's stdout is one JSON document.
is_json() {
  command -v python3 >/dev/null || return 0
  python3 -m json.tool out >/dev/null || { echo "FAILED: not JSON"; cat out; failures=$((failures + 1)); }
}

# idx NAME COUNT_BYTE: COUNT black images of 28 x 28 and their labels, all of class 0.
idx() {
  { printf "\\000\\000\\010\\003\\000\\000\\000\\$2\\000\\000\\000\\034\\000\\000\\000\\034"; head -c "$3" /dev/zero; } >"data/$1-images-idx3-ubyte"
  { printf "\\000\\000\\010\\001\\000\\000\\000\\$2"; head -c "$4" /dev/zero; } >"data/$1-labels-idx1-ubyte"
}

mkdir data experiments
idx train 144 78400 100
idx t10k 024 15680 20
cat >experiments/small.yaml <<'YAML'
schema: 1
name: small
tasks: [{name: clothes, dataset: fashion}]
data: {fashion: {format: idx, root: ../data, pad: 2}}
nets: [{name: vgg11_bn, width: 0.25}]
prune: {criteria: [l1, random], schedules: [{name: a, keep: [0.5, 0.2]}, {name: b, keep: [0.5, 0.3]}]}
YAML
sed 's/name: small/nmae: small/' experiments/small.yaml >bad.yaml

expect 2 "" "Usage: nas-run" "$nas_run"
expect 0 "Usage: nas-run" "" "$nas_run" --help
commands=$("$nas_run" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(echo "$commands" | wc -l)" -ge 20 ] || { echo "FAILED: nas-run --help lists too few commands: $commands"; failures=$((failures + 1)); }
for command in $commands; do
  expect 0 "Examples?:" "" "$nas_run" "$command" --help
  grep -q "^  .*nas-run $command" out || { echo "FAILED: no example of nas-run $command"; cat out; failures=$((failures + 1)); }
done

# The man page and the completions name every command.
expect 0 "^.TH NAS" "" "$nas_run" man
cp out page
for command in $commands; do grep -q "^.SS \"$command\"" page || { echo "FAILED: the man page lacks $command"; failures=$((failures + 1)); }; done
if command -v man >/dev/null; then
  LC_ALL=C.UTF-8 MANWIDTH=100 man -l --warnings page >out 2>err && [ ! -s err ] || { echo "FAILED: man"; cat err; failures=$((failures + 1)); }
fi
for shell in bash zsh fish; do
  expect 0 "nas-run" "" "$nas_run" completion $shell
  for command in $commands; do grep -q "\b$command\b" out || { echo "FAILED: $shell does not complete $command"; failures=$((failures + 1)); }; done
  if command -v $shell >/dev/null; then $shell -n out || { echo "FAILED: $shell refuses its completion"; failures=$((failures + 1)); }; fi
done
expect 2 "" "^nas-run: error: .*tcsh" "$nas_run" completion tcsh
"$nas_run" completion bash >complete.bash
bash -c '. ./complete.bash; COMP_WORDS=(nas-run export --to tens); COMP_CWORD=3; _nas_run; [ "${COMPREPLY[*]}" = tensorboard ]' ||
  { echo "FAILED: bash does not complete export --to op"; failures=$((failures + 1)); }
expect 0 "^## .prune.criteria" "" "$nas_run" reference
expect 0 "^nas-run [0-9]+\.[0-9]+\.[0-9]+$" "" "$nas_run" --version
expect 2 "" "^nas-run: error: 'plna' is not a command or a YAML file \(did you mean 'plan'\?\)$" "$nas_run" plna
expect 2 "" "^nas-run: error: .*--frobnicate" "$nas_run" plan experiments/small.yaml --frobnicate
expect 2 "" "^nas-run: error: .*EXPERIMENT.yaml" "$nas_run" plan
expect 2 "" "^nas-run: error: -s 'train.epochs'" "$nas_run" plan experiments/small.yaml -s train.epochs
expect 2 "" "^nas-run: error: 'soon' is not a duration" "$nas_run" run experiments/small.yaml --budget soon
expect 2 "" "^nas-run: error: 'soon' is not a duration" "$nas_run" run experiments/small.yaml -n --budget soon
expect 2 "" "^nas-run: error: the first argument is empty; valid: a value, or none$" "$nas_run" ""
expect 2 "" "^nas-run: error: the argument after 'report' is empty; valid: a value, or none$" "$nas_run" report ""
expect 2 "" "^nas-run: error: the argument after '-o' is empty; valid: a value, or none$" "$nas_run" sample imagenet -o ""
expect 2 "" "^nas-run: error: .*width" "$nas_run" net vgg16 --width 9
expect 2 "" "^nas-run: error: .*'gpu' is not a device; valid: auto, cpu" "$nas_run" run experiments/small.yaml --device gpu
expect 2 "" "^nas-run: error: .*--slots" "$nas_run" run experiments/small.yaml --slots 0

expect 0 "^50 images of 16 pixels in shapes$" "" "$nas_run" sample imagenet -o shapes --images 50 --size 16
expect 2 "" "^nas-run: error: -o .*/shapes is not empty; valid: a folder that is not there yet, or an empty one$" "$nas_run" sample imagenet -o shapes
expect 0 '"format": "lfwa"' "" "$nas_run" sample lfwa -o people --images 52 --size 16 --json
is_json
expect 2 "" "^nas-run: error: sample 'lfwb' is not known \(did you mean 'lfwa'\?\)$" "$nas_run" sample lfwb -o more

# A file where a folder is to be is said before the work, by one exit code.
echo "a file" >taken
for command in "run experiments/small.yaml" "run experiments/small.yaml --dry-run" "plan experiments/small.yaml" "plan experiments/small.yaml --dot" \
  "validate experiments/small.yaml" "data experiments/small.yaml" "sample imagenet" "export nowhere --to tensorboard"; do
  for output in taken taken/; do
    expect 2 "" "^nas-run: error: -o (.*/)?taken/? is no folder; valid: a folder" "$nas_run" $command -o $output
  done
done
[ "$(cat taken)" = "a file" ] || { echo "FAILED: a file was replaced"; failures=$((failures + 1)); }

expect 3 "" "^nas-run: error: absent.yaml: there is no such file" "$nas_run" absent.yaml
expect 3 "" "^nas-run: error: bad.yaml:1:1: name: missing" "$nas_run" plan bad.yaml
expect 3 "" "^nas-run: error: -s train.epoch=3: train.epoch: 'epoch' is not a key \(did you mean 'epochs'\?\)$" \
  "$nas_run" plan experiments/small.yaml -s train.epoch=3
for command in status trials pareto report "show 1" "export 1"; do
  set -- $command
  options=""
  [ "$1" = export ] && options="--to json -o net.json"
  expect 3 "" "^nas-run: error: .*nowhere.*experiment.db" "$nas_run" "$1" nowhere ${2:-} $options
done
expect 3 "" "^nas-run: error: nowhere: .*experiment.db" "$nas_run" retry nowhere
[ -e nowhere ] && { echo "FAILED: nowhere was made"; failures=$((failures + 1)); }

# One net at a time: what is wrong is said before LibTorch is asked.
expect 0 '"name": "resnet18",?$' "" "$nas_run" nets --json
is_json
expect 0 '"macs": 555422720,?$' "" "$nas_run" net resnet18 --input 3,32,32 --classes 10 --json
expect 0 "^digraph" "" "$nas_run" net squeezenet1_1 --dot
expect 2 "" "^nas-run: error: net 'resnet81' is not known \(did you mean 'resnet18'\?\)$" "$nas_run" net resnet81
expect 2 "" "^nas-run: error: .*--input" "$nas_run" net resnet18 --input 3,32
expect 2 "" "^nas-run: error: criterion taylor looks at images; valid: with --data$" "$nas_run" score --weights w --criterion taylor
expect 2 "" "^nas-run: error: criterion lda: option 'varient' is not known \(did you mean 'variant'\?\)$" \
  "$nas_run" score --weights w --criterion lda --option varient=wilks --data idx:data
expect 3 "" "^nas-run: error: --data idx:data\?pda=2: option 'pda' is not known" "$nas_run" evaluate --weights w --data "idx:data?pda=2"
expect 3 "" "^nas-run: error: data format 'odx' is not known \(did you mean 'idx'\?\)$" "$nas_run" evaluate --weights w --data odx:data
expect 3 "" "^nas-run: error: .*absent.*train-images-idx3-ubyte" "$nas_run" evaluate --weights w --data idx:absent
expect 2 "" "^nas-run: error: --limit: option 'rond_to' is not known \(did you mean 'round_to'\?\)$" \
  "$nas_run" prune --weights w --criterion l1 --keep 0.5 --limit rond_to=8 -o o

# As many threads as OMP_NUM_THREADS says: a worker that answers what it was told.
printf '%s\n' '#!/bin/sh' 'echo "{\"error\": {\"kind\": 1, \"message\": \"$1 $2\"}}"' >worker
chmod +x worker
touch w.safetensors
expect 2 "" "^nas-run: error: --threads 1$" \
  env NAS_WORKER="$directory/worker" OMP_NUM_THREADS=1 "$nas_run" score --net resnet18 --weights w.safetensors --criterion l1
expect 2 "" "^nas-run: error: --threads $(env -u OMP_NUM_THREADS nproc)$" \
  env NAS_WORKER="$directory/worker" OMP_NUM_THREADS=all "$nas_run" score --net resnet18 --weights w.safetensors --criterion l1
# How a worker ended is known also where whoever started nas-run ignores SIGCHLD.
printf '%s\n' '#!/bin/sh' 'exit 3' >ends
chmod +x ends
expect 1 "" "^nas-run: error: the worker ended with code 3 and no answer$" \
  env --ignore-signal=CHLD NAS_WORKER="$directory/ends" "$nas_run" score --net resnet18 --weights w.safetensors --criterion l1
expect 2 "" "^nas-run: error: neither --criterion nor --mask" "$nas_run" prune --weights w --keep 0.5 -o o
expect 2 "" "^nas-run: error: neither --eta nor --keep" "$nas_run" prune --weights w --criterion l1 -o o
expect 2 "" "^nas-run: error: --refit looks at images; valid: with --data, or --refit FOLDER$" \
  "$nas_run" prune --weights w --criterion l1 --keep 0.5 --refit 100 -o o
expect 2 "" "^nas-run: error: --classes, --width: only of a net that --net names; w says its net itself, with its classes and its input$" \
  "$nas_run" convert --weights w --classes 7 --width 0.5 --to onnx -o o
expect 2 "" "^nas-run: error: --end-to-end is of files that run, not of safetensors; valid: --to torchscript or onnx$" \
  "$nas_run" convert --weights w --to safetensors --end-to-end -o o
expect 2 "" "^nas-run: error: --opset is of ONNX, not of python; valid: --to onnx$" "$nas_run" convert --weights w --to python --opset 10 -o o.py
expect 2 "" "^nas-run: error: -o o: Python's files end in .py; valid: -o o.py$" "$nas_run" convert --weights w --to python -o o
expect 2 "" "^nas-run: error: -o o: its end says no format of nets; valid: .py, .onnx, .safetensors, .pt, or --to python|onnx|" "$nas_run" convert --weights w -o o
expect 2 "" "^nas-run: error: -o o.csv: its end says no format of nets" "$nas_run" convert --weights w -o o.csv
expect 2 "" "^nas-run: error: --opset is of ONNX, not of safetensors; valid: --to onnx$" "$nas_run" convert --weights w --opset 10 -o o.safetensors
expect 2 "" "^nas-run: error: -o o.ONNX: a file that ends in .ONNX is onnx, and safetensors is written; valid: another end$" \
  "$nas_run" convert --weights w --to safetensors -o o.ONNX
expect 2 "" "^nas-run: error: --last is of csv and jsonl, not of onnx; valid: without it$" "$nas_run" export nowhere 1 --last -o o.onnx
expect 2 "" "^nas-run: error: .*--seed" "$nas_run" prune --weights w --criterion random --seed -1 --keep 0.5 -o o
mkdir folder.safetensors
expect 3 "" "^nas-run: error: .*folder.safetensors: not a valid safetensors file: it is a folder$" "$nas_run" convert --weights folder.safetensors -o o.onnx
[ -e o ] && { echo "FAILED: o was written"; failures=$((failures + 1)); }
expect 2 "" "^nas-run: error: a file's name is not UTF-8; valid: one that is$" env NAS_WORKER="$directory/worker" \
  "$nas_run" convert --net resnet18 --weights w.safetensors --to safetensors -o "$(printf 'o\377.safetensors')"
expect 6 "" "^nas-run: error: " sh -c "'$nas_run' --version >/dev/full"

# 2 criteria x 2 schedules with an equal first cut; the same plan by three ways.
expect 0 '"trials": 4,?$' "" "$nas_run" plan experiments/small.yaml --json
is_json
expect 0 "\"results\": \"$directory/results/small\"" "" "$nas_run" plan experiments/small.yaml --json
expect 0 '"results": "elsewhere"' "" "$nas_run" plan experiments/small.yaml -o elsewhere --json
expect 0 '"trials": 4,?$' "" "$nas_run" experiments/small.yaml --dry-run --json
expect 0 '"trials": 8,?$' "" "$nas_run" -s search.seeds=2 experiments/small.yaml -n --json
expect 0 "^trials   4$" "" "$nas_run" plan experiments/small.yaml
expect 0 "the first of them: target plans more by what these give" "" "$nas_run" plan experiments/small.yaml -s search.strategy=target -s "prune.schedules=[]"
expect 0 '"is_whole": true' "" "$nas_run" plan experiments/small.yaml --json
expect 0 "^digraph" "" "$nas_run" plan experiments/small.yaml --dot
expect 2 "" "^nas-run: error: .*--dot" "$nas_run" plan experiments/small.yaml --dot --json
[ -e results ] && { echo "FAILED: plan wrote results"; failures=$((failures + 1)); }

NAS_WORKER=/bin/true
export NAS_WORKER
expect 0 '"images": 120,?$' "" "$nas_run" validate experiments/small.yaml --json
is_json
expect 0 "^data fashion: 120 images of 10 classes; train 90, validation 10, test 20$" "" "$nas_run" validate experiments/small.yaml
expect 0 "^0 +90 +10 +20$" "" "$nas_run" validate experiments/small.yaml
expect 0 "^note: 9 of 10 classes have no test image: 1, 2, 3, 4, 5, 6, 7, 8, 9$" "" "$nas_run" validate experiments/small.yaml
expect 0 "^fashion: train 90, validation 10, test 20 images in arrays$" "" "$nas_run" data experiments/small.yaml -o arrays
expect 2 "" "data 'faces' is not in the experiment; valid: fashion$" "$nas_run" data experiments/small.yaml faces -o arrays
# A header, filled up as NumPy does; 32 x 32 pixels an image, 8 bytes a label.
[ "$(wc -c <arrays/train_images.npy)" = $((128 + 90 * 1024)) ] && [ "$(wc -c <arrays/train_labels.npy)" = $((128 + 90 * 8)) ] ||
  { echo "FAILED: the arrays have other sizes"; ls -l arrays; failures=$((failures + 1)); }
expect 0 'results in odd\\x1b\[31m, ' "" "$nas_run" validate experiments/small.yaml -o "$(printf 'odd\033[31m')"
expect 6 "" "^nas-run: error: results directory /proc/results" "$nas_run" validate experiments/small.yaml -o /proc/results
NAS_WORKER=$directory/no-worker
expect 6 "" "^nas-run: error: the worker .*no-worker" "$nas_run" validate experiments/small.yaml
expect 6 "" "^nas-run: error: the worker .*no-worker" "$nas_run" experiments/small.yaml
[ -e results ] && { echo "FAILED: a run without a worker wrote results"; failures=$((failures + 1)); }

# Every experiment of the project is planned, on drawn data where the real ones are not there.
XDG_CACHE_HOME=$directory/cache
export XDG_CACHE_HOME
for set in "adience 80" "lfwa 52" "cifar100 6000" "imagenet 50"; do
  expect 0 "format" "" "$nas_run" sample "${set% *}" -o "drawn/${set% *}" --images "${set#* }" --json
done
ADIENCE_ROOT=$directory/drawn/adience ADIENCE_SAMPLE_ROOT=$directory/drawn/adience LFWA_ROOT=$directory/drawn/lfwa
CIFAR100_ROOT=$directory/drawn/cifar100 IMAGENET_ROOT=$directory/drawn/imagenet LFW_SMILES_ROOT=$directory/drawn/imagenet/val
FLOWERS17_ROOT=$directory/drawn/imagenet/train SQUEEZENET_WEIGHTS=$directory/weights.safetensors
echo "a plan does not read them" >"$SQUEEZENET_WEIGHTS"
export ADIENCE_ROOT ADIENCE_SAMPLE_ROOT LFWA_ROOT CIFAR100_ROOT IMAGENET_ROOT LFW_SMILES_ROOT FLOWERS17_ROOT SQUEEZENET_WEIGHTS
for file in "$experiments"/*.yaml; do
  expect 0 '"trials": [0-9]+' "" "$nas_run" plan "$file" -o elsewhere --json
done
expect 0 '"trials": [0-9]+0,?$' "" "$nas_run" plan "$experiments/adience.yaml" -s data.adience.protocol=5-fold -o elsewhere --json

# A pretraining would show the net the images of the folds that test.
expect 3 "" "nets.0.pretrain: a mapping would show a net the images of all 5 folds, .*; valid: data whose option 'fold'" "$nas_run" plan "$experiments/adience.yaml" \
  -s data.adience.protocol=5-fold -s 'nets=[{name: vgg16_bn, pretrain: {dataset: adience, target: gender}}]' -o elsewhere

# What must not be written over is not.
printf 'SQLite format 3\0' >a.db
expect 2 "" "^nas-run: error: -o a.db is a database, which would be replaced; valid: another file$" "$nas_run" report nowhere -o a.db
expect 6 "" "^nas-run: error: -o no/x.html: the folder no is not there; valid: one that is$" "$nas_run" report nowhere -o no/x.html
expect 2 "" "^nas-run: error: -o cut.onnx: a file that ends in .onnx is onnx, and safetensors is written; valid: another end$" \
  "$nas_run" convert --weights w --to safetensors -o cut.onnx
expect 3 "" "^nas-run: error: --refit absent: no such folder; valid: a folder of images, or a number of those of --data$" \
  "$nas_run" prune --weights w --keep 0.5 --refit absent -o x.onnx
expect 2 "" "^nas-run: error: criterion taylor looks at labels, which these images have not; valid: with --data$" \
  "$nas_run" prune --weights w --criterion taylor --keep 0.5 --refit shapes -o x.onnx
expect 2 "" "^nas-run: error: criterion taylor looks at labels, which these images have not; valid: without labels=none$" \
  "$nas_run" prune --weights w --criterion taylor --keep 0.5 --data 'folder:shapes?labels=none' -o x.onnx
expect 2 "" "^nas-run: error: --mask says which channels go; valid: without --criterion" "$nas_run" prune --weights w --criterion l1 --mask m.json -o x.onnx
expect 2 "" "^nas-run: error: --max-macs: '2.3M' is not a number above 0" "$nas_run" best nowhere --max-macs 2.3M
expect 3 "" "data.d: .*has nothing to tell apart; valid: data of two classes or more$" "$nas_run" plan experiments/small.yaml -s 'data.d={format: folder, root: ../shapes, labels: none}' -s 'tasks=[{name: t, dataset: d}]'

# Broken images stop a run before it trains, or are left out; the cache is listed and emptied.
NAS_WORKER=/bin/true
for image in $(find drawn/adience/aligned -name '*.jpg' | sort | head -2); do head -c 300 "$image" >cut.jpg && mv cut.jpg "$image"; done
expect 3 "" "^nas-run: error: data of format adience: 2 of the images under .*/drawn/adience cannot be used" "$nas_run" run "$experiments/adience_sample.yaml" -o elsewhere
grep -q "^  aligned/.*jpg (fold_[0-4]_data.txt:[0-9]*): is a broken JPEG: " err || { echo "FAILED: no list of images"; cat err; failures=$((failures + 1)); }
expect 0 '"left_out": 2,?$' "^nas-run: data adience: 2 images are left out$" "$nas_run" validate "$experiments/adience_sample.yaml" -s data.adience.bad_images=skip --json
is_json
expect 0 '"synthetic": true' "^nas-run:   aligned/.*: is a broken JPEG: " "$nas_run" validate "$experiments/adience_sample.yaml" -s data.adience.bad_images=skip --json
expect 0 '"removed": false' "" "$nas_run" gc --images -n --json
expect 0 "drawn/adience" "MiB of decoded images in .* removed$" "$nas_run" gc --images
expect 0 "^MiB  images" "^nas-run: 0 MiB" "$nas_run" gc --images
expect 2 "" "valid: DIR --keep RULE, or --images" "$nas_run" gc
expect 2 "" "what to keep is not said; valid: --keep all.pareto.reported.none" "$nas_run" gc nowhere
expect 2 "" "--keep: some not in " "$nas_run" gc nowhere --keep some
expect 3 "" "^nas-run: error: nowhere holds no experiment.db" "$nas_run" gc nowhere --keep all
expect 0 "^matrices +[0-9.]+ GFLOP/s by one thread" "" env -u NAS_WORKER "$nas_run" doctor
expect 3 "^database +PROBLEM: nowhere holds no experiment.db" "" "$nas_run" doctor nowhere
expect 6 "^worker +PROBLEM: the worker .*/none is not a program" "" env NAS_WORKER="$PWD/none" "$nas_run" doctor

# An installed nas-run finds its experiments beside it; where the data are not, it says what brings them.
mkdir -p there/bin there/share/nas-run alone/bin
cp "$nas_run" there/bin/nas-run && cp "$nas_run" alone/bin/nas-run && cp -r "$experiments" there/share/nas-run/experiments
expect 3 "" "/there/share/nas-run/experiments/fashion_mnist.yaml:.* Debian's package dataset-fashion-mnist installs .*; the variable FASHION_MNIST_ROOT says where$" \
  env FASHION_MNIST_ROOT=/nowhere there/bin/nas-run demo
expect 6 "" "^nas-run: error: the experiment fashion_mnist.yaml is not at .*/alone/share/nas-run/experiments/fashion_mnist.yaml; valid: " alone/bin/nas-run demo

[ "$failures" = 0 ] && echo "all as expected"
exit "$failures"
