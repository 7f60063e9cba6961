#!/bin/sh
# The scripts of the report's page: no line is longer than 160 characters, as `make format` leaves them, and where node is there it parses each.
# usage: javascript_test.sh FOLDER
set -eu
long=$(awk 'length > 160 { print FILENAME ":" FNR ": " length }' "$1"/*.js)
[ -z "$long" ] || { printf 'too long:\n%s\n' "$long"; exit 1; }
command -v node >/dev/null || { echo "skipped: no node"; exit 77; }
for script in "$1"/*.js; do node --check "$script"; done
