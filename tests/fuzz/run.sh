#!/bin/sh
# Fuzzes every reader for a share of the time. usage: run.sh BUILD_DIR [SECONDS]; ends with 1 at the first crash, hang or allocation out of proportion.
# PYTHON, one with torch and onnx, adds seeds as PyTorch's exporter writes them. Inputs are up to 64 KiB; a single allocation above 4 MiB is a finding, and so is a second for one input.
set -eu
build=$1
seconds=$((${2:-600} / 3))
seeds=$build/seeds
"$build"/tests/fuzz/write_seeds "$seeds"
if [ -n "${PYTHON:-}" ]; then
  "$PYTHON" "$(dirname "$0")/exported_seeds.py" "$seeds/onnx"
  export NAS_FUZZ_BESIDE="$seeds/weights.data"
fi
for reader in safetensors onnx net_spec; do
  echo "fuzzing $reader for $seconds s"
  mkdir -p "$build/corpus/$reader"
  ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0} "$build/tests/fuzz/fuzz_$reader" "$build/corpus/$reader" "$seeds/$reader" -max_total_time=$seconds \
    -max_len=65536 -malloc_limit_mb=4 -rss_limit_mb=4096 -timeout=1 -print_final_stats=1 -verbosity=0 -artifact_prefix="$build/$reader-"
done
echo "nothing found"
