#!/usr/bin/env bash
# Installs what Siaga needs on a Debian 12 that has nothing but git and make: packages by apt, what the map needs from npm
# (no Node), the rest by uv into .venv.
#   scripts/setup.sh demo    what `make demo` needs
#   scripts/setup.sh test    that, and what the tests need: Chromium, openssl, gcc-avr, simavr, pytest, mypy, …
# A second run finds its stamp and returns at once. Nothing it installs is started as a service.
set -euo pipefail
cd "$(dirname "$0")/.."

level=${1:-demo}
uv_version=0.13.9
tools=$PWD/.tools
log=$tools/setup.log
uv=$tools/uv/bin/uv
policy=/usr/sbin/policy-rc.d
policy_mark="# written by Siaga's scripts/setup.sh"

say() { printf '%s\n' "setup: $*"; }
fail() {
  printf '%s\n' "setup: $1" >&2
  [ ! -s "$log" ] || { echo "       the last lines of $log:"; tail -n 8 "$log" | sed 's/^/       | /'; } >&2
  shift
  for hint in "$@"; do printf '%s\n' "       $hint" >&2; done
  exit 1
}

case $level in demo | test) ;; *) echo "use: scripts/setup.sh demo|test" >&2 && exit 2 ;; esac

has_program() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }
has_python() {
  has_program python3 && python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}
has_font() { has_program fc-list && [ -n "$(fc-list 2>/dev/null | head -n 1)" ]; }

# The Debian packages of what is missing. What is there already, from wherever, is used.
missing_packages() {
  has_python || echo python3 python3-venv
  has_program mosquitto || echo mosquitto
  has_program influxd || echo influxdb
  has_program setpriv || echo util-linux
  [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
  if [ "$level" = test ]; then
    has_program chromium || echo chromium
    { has_program chromium-headless-shell || ! can_install; } || echo chromium-headless-shell # the tests do without it, slower
    has_program faketime || echo faketime
    has_program mosquitto_sub || echo mosquitto-clients
    has_program curl || echo curl
    has_program systemd-analyze || echo systemd
    has_program nginx || echo nginx-light # what stands before the pages of a centre
    has_program strace || echo strace
    { has_program mount && has_program unshare; } || echo mount util-linux
    has_program gpsd || echo gpsd
    has_program gammu-smsd || echo gammu-smsd
    # By this gammu-smsd reads and writes SQLite.
    [ -n "$(ls /usr/lib/*/dbd/libdbdsqlite3.so 2>/dev/null)" ] || echo libdbd-sqlite3
    { has_program pg_ctl || ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1; } || echo postgresql
    # Playwright's driver links to it.
    { PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | grep -q libatomic.so.1; } || echo libatomic1
    has_program openssl || echo openssl
    has_font || echo fontconfig fonts-dejavu-core
    has_program avrdude || echo avrdude
    board_packages
  fi
}

# What builds a board's firmware, and the simulator that runs it: 125 MB to fetch, half a minute.
board_packages() {
  has_program gcc || echo gcc libc6-dev
  has_program avr-gcc || echo gcc-avr binutils-avr
  [ -e /usr/lib/avr/include/avr/io.h ] || echo avr-libc
  [ -e /usr/include/simavr/sim_avr.h ] || echo libsimavr-dev
  [ -e /usr/include/libelf.h ] || echo libelf-dev
}
can_install() {
  has_program apt-get && { [ "$(id -u)" -eq 0 ] || { has_program sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }; }
}

stamp_of() { cat uv.lock pyproject.toml scripts/setup.sh scripts/vendor.toml scripts/vendor-walls.toml tests/vendor.toml | sha256sum | cut -d ' ' -f 1; }
is_done() { # level: whether its stamp is of these very files, and what it stands for is still there
  [ "$(cat "$tools/stamp-$1" 2>/dev/null)" = "$(stamp_of)" ] && [ -x .venv/bin/siaga ] && [ -z "$(missing_packages)" ] &&
    { [ -z "$(board_packages)" ] || ! can_install; } &&
    [ -e duty_desk/console/vendor/stamp ] && [ -e dashboards/server/page/vendor/stamp ] && { [ "$1" != test ] || [ -e "$tools/vendor/stamp" ]; }
}
if is_done test || { [ "$level" = demo ] && is_done demo; }; then exit 0; fi

mkdir -p "$tools"
exec 9>"$tools/lock"
flock -n 9 || { say "another setup runs here; waiting for it"; flock 9; }
: >"$log"

as_root=()
need_root() {
  [ "$(id -u)" -ne 0 ] || return 0
  has_program sudo || fail "apt-get needs root, and sudo is not installed" "run as root: $1"
  as_root=(sudo)
  [ -t 0 ] || as_root=(sudo -n)
  "${as_root[@]}" true 2>>"$log" || fail "apt-get needs root, and sudo refuses" "run as root: $1"
}

# A package that is installed must not start its service: its port may be in use, and we start our own processes.
hold_services() {
  if [ -e $policy ] && ! grep -qsF "$policy_mark" $policy; then
    "${as_root[@]}" mv $policy $policy.before-siaga
  fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" | "${as_root[@]}" tee $policy >/dev/null
  "${as_root[@]}" chmod 755 $policy
}
release_services() {
  if grep -qsF "$policy_mark" $policy; then "${as_root[@]}" rm -f $policy; fi
  if [ -e $policy.before-siaga ]; then "${as_root[@]}" mv $policy.before-siaga $policy; fi
}

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" >>"$log" 2>&1 9>&-
}

install_packages() {
  local by_hand="apt-get install $*"
  has_program apt-get || fail "there is no apt-get here" "install by other means: $*"
  need_root "$by_hand"
  say "installing Debian packages: $* (a few minutes; log: $log)"
  trap release_services EXIT
  trap 'exit 130' INT TERM HUP
  hold_services
  apt update || fail "apt-get update failed" "is there a network, and is another apt-get at work?" "by hand: apt-get update"
  apt install --no-install-recommends "$@" || fail "apt-get install failed" "by hand: $by_hand"
  # Not at the next boot either: Siaga's processes are its own.
  for service in mosquitto influxdb gpsd gpsd.socket postgresql nginx; do
    if has_program systemctl && [[ " $* " == *" ${service%.socket}"* ]]; then
      "${as_root[@]}" systemctl disable "$service" >>"$log" 2>&1 || true
    fi
  done
  release_services
  trap - EXIT INT TERM HUP
}

install_uv() {
  [ "$("$uv" --version 2>/dev/null | cut -d ' ' -f 2)" != "$uv_version" ] || return 0
  say "installing uv $uv_version"
  python3 -m venv --clear "$tools/uv" >>"$log" 2>&1 || fail "python3 -m venv failed" "is python3-venv installed?"
  "$tools/uv/bin/python" -m pip install -q --disable-pip-version-check "uv==$uv_version" >>"$log" 2>&1 ||
    fail "pip could not install uv" "is pypi.org reachable? a proxy goes into HTTPS_PROXY, a certificate into PIP_CERT"
}

sync_python() {
  local groups=()
  # Where the tests' tools are already, they stay.
  [ "$level" = test ] || [ -x .venv/bin/pytest ] || groups=(--no-dev)
  say "installing Python packages into .venv"
  # The certificates of this system are those the other tools here use, so uv does too.
  UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true} UV_PYTHON_DOWNLOADS=never "$uv" sync --frozen --all-extras "${groups[@]}" \
    --python "$(command -v python3)" --compile-bytecode >>"$log" 2>&1 9>&- ||
    fail "uv could not install the packages of uv.lock" "is pypi.org reachable? a proxy goes into HTTPS_PROXY, certificates into SSL_CERT_FILE"
}

# The map of the duty desk's page. It comes before the Python packages, whose build would fetch it too.
take_from_npm() {
  local tests=()
  [ "$level" != test ] || tests=(--tests)
  [ -e duty_desk/console/vendor/stamp ] || say "taking the map's library from npm"
  python3 scripts/vendor.py "${tests[@]}" >>"$log" 2>&1 ||
    fail "the map's library could not be had" "is registry.npmjs.org reachable? another registry goes into NPM_REGISTRY"
}

read -r -a packages <<<"$(missing_packages | tr '\n' ' ')"
if [ "$level" = demo ]; then
  # One of the demo's boxes has a board. Nobody needs it who cannot install.
  read -r -a board <<<"$(board_packages | tr '\n' ' ')"
  if [ ${#board[@]} -eq 0 ] || can_install; then
    packages+=("${board[@]}")
  else
    say "the demo will have no board; as root, for one: apt-get install ${board[*]}"
  fi
fi
[ ${#packages[@]} -eq 0 ] || install_packages "${packages[@]}"
install_uv
take_from_npm
sync_python
stamp_of >"$tools/stamp-$level"
say "done"
