#!/usr/bin/env bash
# Starts the agent of the aarch64 wheelhouse once, in a Debian 12 of that architecture under qemu-user, and lets a button
# be pressed. Needs root, debootstrap and an aarch64 wheelhouse. What it downloads stays in build/try-aarch64.
set -euo pipefail
cd "$(dirname "$0")/.."

home=$PWD/build/try-aarch64
root=$home/root
wheels=$PWD/build/wheelhouse/aarch64
handler=siaga-aarch64
say() { printf '%s  %s\n' "$(date -u +%H:%M:%S)" "$*"; }
fail() { printf 'wheelhouse-try: %s\n' "$1" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] || fail "needs root, for a chroot and for qemu as an interpreter: sudo make wheelhouse-try"
[ -e "$wheels/manifest.json" ] || fail "there is no $wheels: make wheelhouse ARCH=aarch64"
command -v debootstrap >/dev/null || fail "debootstrap is not installed: apt install debootstrap"
mkdir -p "$home"

qemu=$(command -v qemu-aarch64-static || true)
if [ -z "$qemu" ]; then
  qemu=$home/qemu/usr/bin/qemu-aarch64-static
  if [ ! -x "$qemu" ]; then
    say "fetching qemu-user-static, which is not installed"
    (cd "$home" && apt-get -q download qemu-user-static >/dev/null 2>&1 && dpkg-deb -x qemu-user-static_*.deb qemu)
  fi
fi

# A namespace of mounts of its own: whatever is mounted here is gone when this ends.
[ -n "${SIAGA_TRY_INSIDE:-}" ] || SIAGA_TRY_INSIDE=1 exec unshare --mount --propagation private "$0"

binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt
if ! grep -qs aarch64 $binfmt/* 2>/dev/null; then
  # The kernel opens qemu now (F), so that it is found within the chroot too. An ELF of 64 bits, little endian, of
  # EM_AARCH64 (183), to be run (2) or shared (3).
  printf '%s' ":$handler:M::"'\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$qemu:F" >$binfmt/register
fi
finish() {
  [ ! -e $binfmt/$handler ] || echo -1 >$binfmt/$handler
}
trap finish EXIT

if [ ! -e "$root/stamp" ]; then
  say "making a Debian 12 of aarch64 (log: $home/debootstrap.log)"
  rm -rf "$root"
  debootstrap --arch=arm64 --foreign --variant=minbase --include=python3,python3-venv bookworm "$root" \
    >"$home/debootstrap.log" 2>&1
  chroot "$root" /debootstrap/debootstrap --second-stage >>"$home/debootstrap.log" 2>&1
  touch "$root/stamp"
fi
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/wheels" "$home/demo" "$root$home/demo"
mount --bind -o ro "$wheels" "$root/wheels"
mount --bind "$home/demo" "$root$home/demo"

release=/opt/siaga/releases/$(python3 -c 'import json, sys
told = json.load(open(sys.argv[1]))
print(told["version"] + "-" + told["digest"][:8])' "$wheels/manifest.json")
# Nothing of this machine's settings, such as an index of its own, is known inside.
within() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 chroot "$root" "$@"; }
machine=$(within uname -m)
say "installing $release on an $machine, from the wheelhouse alone"
mkdir -p "$root/opt/siaga/releases"
if [ ! -e "$root$release/stamp" ]; then
  rm -rf "${root:?}$release"
  within python3 -m venv "$release"
  within "$release/bin/pip" install -q --no-index --find-links /wheels --require-hashes -r /wheels/requirements-edge.txt
  touch "$root$release/stamp"
fi
ln -sfn "$release" "$root/opt/siaga/current"
within /opt/siaga/current/bin/python -c 'import platform, sys
import cbor2, cobs.cobs, cryptography, gpiod, pydantic_core, re2, serialx, uuid_utils
print("          ", platform.machine(), "Python", platform.python_version(), "and each compiled package is imported")'
say "the agent starts; a real desk, collector, brokers and database are on this machine"
rm -rf "${home:?}/demo/"*
.venv/bin/python -P -c 'import sys; sys.path.insert(0, "scripts"); import wheelhouse_try; wheelhouse_try.main(*sys.argv[1:])' \
  "$root" "$home/demo"
say "done"
