#!/bin/sh
# Training rates side by side with PyTorch in Python, and the cost of scoring: `make bench`. Take the figures with the machine otherwise idle.
# NEW_PYTHON, one with the newest torch, is a peer by its fastest way. BENCH_IMAGES=FOLDER, a folder a class of JPEG files, measures the image pipeline too.
set -eu
build=$1
here=$(dirname "$0")
python=${PYTHON:-/usr/bin/python3}
export OMP_WAIT_POLICY=passive GOMP_SPINCOUNT=0
for threads in 1 2; do
  for precision in fp32 bf16; do
    echo "nas-run: $("$build"/tests/bench/bench_train $threads $precision 2)"
    echo "python:  $("$python" "$here"/peer.py $threads $precision 8)"
    [ -z "${NEW_PYTHON:-}" ] || echo "newest:  $("$NEW_PYTHON" "$here"/peer.py $threads $precision 8 best 2>/dev/null)"
  done
done
echo "the whole machine: one slot a core, bf16"
for slot in $(seq "$(nproc)"); do "$build"/tests/bench/bench_train 1 bf16 3 & done
wait
unset OMP_WAIT_POLICY GOMP_SPINCOUNT
echo "python, one process with its defaults: $("$python" "$here"/peer.py default fp32 8)"
echo "scoring 2,000 images"
"$build"/tests/bench/bench_score
echo "planning, scheduling, recording"
"$build"/tests/bench/bench_search
echo "cutting VGG16"
"$build"/tests/bench/bench_cut
if [ -n "${BENCH_IMAGES:-}" ]; then
  echo "decoding and augmenting $BENCH_IMAGES"
  echo "nas-run: $("$build"/tests/bench/bench_images "$BENCH_IMAGES")"
  echo "python:  $("$python" "$here"/peer_images.py "$BENCH_IMAGES")"
fi
