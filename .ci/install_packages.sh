#!/bin/sh
# Installs the Debian packages that are missing. `install_packages.sh [sudo]`; does nothing, and asks for nothing, where all are there.
set -eu
wanted="g++ cmake ninja-build pkg-config
  libtorch-dev libtbb-dev libsqlitecpp-dev libsqlite3-dev libyaml-cpp-dev libfmt-dev libboost-graph-dev libssl-dev zlib1g-dev
  libcli11-dev nlohmann-json3-dev catch2 dataset-fashion-mnist python3
  libonnx-dev libprotobuf-dev python3-onnx python3-opencv python3-torch python3-torchvision"
missing=""
for package in $wanted; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
echo "installing:$missing"
${1:-} apt-get update -q
DEBIAN_FRONTEND=noninteractive ${1:-} apt-get install -q -y --no-install-recommends $missing
