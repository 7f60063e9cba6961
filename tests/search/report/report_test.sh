#!/bin/sh
# Builds the report of a small finished run and looks at it in headless Chromium. Exit code 77: skipped, since node, npm or chromium is not
# there, or its driver (browser/package.json) cannot be fetched. usage: report_test.sh NAS_RUN MAKE_REPORT_RUN CACHE
set -eu
nas_run=$1 make_report_run=$2 cache=$3
here=$(cd "$(dirname "$0")" && pwd)
for program in node npm chromium; do
  command -v "$program" >/dev/null || { echo "skipped: there is no $program"; exit 77; }
done
mkdir -p "$cache"
if ! cmp -s "$here/browser/package-lock.json" "$cache/package-lock.json" || [ ! -d "$cache/node_modules/playwright-core" ]; then
  cp "$here/browser/package.json" "$here/browser/package-lock.json" "$cache"
  npm ci --prefix "$cache" --no-audit --no-fund --ignore-scripts >"$cache/npm.log" 2>&1 || {
    tail -3 "$cache/npm.log"
    rm -f "$cache/package-lock.json"
    echo "skipped: npm ci failed"
    exit 77
  }
fi
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
"$make_report_run" "$directory/run"
"$nas_run" report "$directory/run"
[ -s "$directory/run/report.html" ] || { echo "FAILED: no report.html in the results directory"; exit 1; }
NODE_PATH="$cache/node_modules" node "$here/browser/report_test.js" "$directory/run/report.html"
