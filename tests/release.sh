#!/bin/bash
# Tries another release of Debian on this machine: its packages in a folder by debootstrap, the tree copied in, configured, built and tested
# there. Prints a row of docs/releases.md. As root. The folder stays, so that a second try builds only what has changed.
# usage: release.sh RELEASE [FOLDER]; FOLDER: /var/tmp/nas-run-RELEASE. JOBS: how many compilers and tests at once.
set -euo pipefail
release=${1:?usage: release.sh RELEASE [FOLDER], for example release.sh trixie}
folder=${2:-/var/tmp/nas-run-$release}
jobs=${JOBS:-$(nproc)}
[ "$(id -u)" = 0 ] || { echo "release.sh: debootstrap and chroot need root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "release.sh: there is no debootstrap; valid: apt install debootstrap" >&2; exit 1; }
cd "$(dirname "$0")/.."

if [ ! -e "$folder/bin/sh" ]; then
  [ ! -d "$folder" ] || rmdir "$folder" || { echo "release.sh: $folder is no release of Debian; valid: remove it" >&2; exit 1; }
  rm -rf "$folder.new"
  debootstrap --variant=minbase "$release" "$folder.new"
  mv "$folder.new" "$folder"
fi
rm -rf "$folder/src"
mkdir -p "$folder/src" "$folder/build"
git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cf - -T - | tar -xf - -C "$folder/src"

# In a mount namespace of its own, so that /proc and /dev go whatever happens.
inside() {
  unshare --mount --propagation private sh -ec '
    mount --bind "$0" "$0"  # the root of what runs there is a mount, as `ip netns` needs it
    mount -t proc proc "$0/proc"
    mount --rbind /dev "$0/dev"
    exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 sh -ec "$1"' "$folder" "$1"
}
minutes() { awk -v s="$1" 'BEGIN { printf "%.1f", s / 60 }'; }

start=$SECONDS
inside "/src/.ci/install_packages.sh test"
installed=$SECONDS
inside "cmake --preset release -S /src -B /build ${CMAKE_OPTIONS:-}"
configured=$SECONDS
inside "cmake --build /build -j $jobs"
built=$SECONDS
good=yes
inside "ctest --test-dir /build --no-tests=error --output-on-failure -j $jobs" 2>&1 | tee "$folder/tests.log" || good=no
tested=$SECONDS

compiler=$(inside 'g++ -dumpfullversion')
libtorch=$(sed -E 's/^LibTorch ([^ ]+).*/\1/' "$folder/build/libtorch.txt")
skipped=$(grep -cE '\*\*\*Skipped' "$folder/tests.log" || true)
# Of ctest's summary; its list of what did not run counts a skipped test once more.
passed=$(grep -cE ' Passed +[0-9.]+ sec' "$folder/tests.log" || true)
failed=$(grep -cE '\*\*\*(Failed|Timeout|Exception)' "$folder/tests.log" || true)
echo "| release | compiler | LibTorch | install | configure | build | tests | passed | skipped | failed |"
echo "| $release | GCC $compiler | $libtorch | $(minutes $((installed - start))) min | $((configured - installed)) s" \
  "| $(minutes $((built - configured))) min | $(minutes $((tested - built))) min | $passed | $skipped | $failed |"
[ $good = yes ]
