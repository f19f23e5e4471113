#!/usr/bin/env bash
# Feeds the board's C what a line may bring, under libFuzzer with sanitizers.
#   tests/firmware_bridge/libfuzzer/run.sh [seconds]
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-600}
clang=$(command -v clang || compgen -c clang- | grep -E '^clang-[0-9]+$' | sort -V | tail -n 1) ||
  { echo "fuzz-firmware: there is no clang: sudo apt install clang libclang-rt-14-dev" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sources=$(ls ../../../firmware_bridge/firmware/*.c | grep -v /main.c)
# shellcheck disable=SC2086 # one word a source
"$clang" -std=c11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I../../../firmware_bridge/firmware board.c $sources -o "$folder/fuzz"
mkdir "$folder/found"
cd "$folder"
./fuzz -max_total_time="$seconds" -max_len=512 -timeout=10 -rss_limit_mb=512 -print_final_stats=1 found 2>fuzz.log ||
  { tail -n 60 fuzz.log >&2; cp crash-* oom-* timeout-* "$OLDPWD" 2>/dev/null || true; exit 1; }
grep -E 'stat::|DONE' fuzz.log
