#!/bin/sh
# Installs the Debian packages that are missing. usage: install_packages.sh build|test|slurm|venv [sudo]; does nothing, and asks for nothing, where all are there.
# build: what nas-run is built from, and the data of its first experiment. test: also the programs that the tests compare with. slurm: also Slurm's daemons.
# venv: also Python's environments of its own, for what PyPI has.
set -eu
wanted="g++ cmake ninja-build pkg-config
  libtorch-dev libonnx-dev libprotobuf-dev protobuf-compiler libtbb-dev libsqlitecpp-dev libsqlite3-dev libyaml-cpp-dev libfmt-dev libboost-graph-dev libssl-dev zlib1g-dev
  libturbojpeg0-dev libexif-dev libpng-dev libtiff-dev libwebp-dev libstb-dev libopencv-imgproc-dev libhdf5-dev
  libcli11-dev libcpp-httplib-dev nlohmann-json3-dev catch2 node-d3 dataset-fashion-mnist dpkg-dev file"
if [ "$1" = slurm ]; then
  wanted="$wanted python3 slurm-wlm munge"
elif [ "$1" = test ]; then
  wanted="$wanted python3 python3-torch python3-torchvision python3-onnx python3-opencv python3-optuna python3-selenium chromium-driver openssh-server openssh-client iproute2 nodejs"
elif [ "$1" = venv ]; then
  wanted="$wanted python3 python3-venv"
fi
missing=""
for package in $wanted; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
echo "installing:$missing"
${2:-} apt-get update -q
DEBIAN_FRONTEND=noninteractive ${2:-} apt-get install -q -y --no-install-recommends $missing
