#!/usr/bin/env bash
# Builds the board's firmware and the simulator's host into a folder (var/firmware), and holds the firmware to its size.
#   firmware_bridge/firmware/build.sh [folder]
set -euo pipefail
cd "$(dirname "$0")"
out=${1:-../../var/firmware}
most_flash=16384
most_ram=1024

mkdir -p "$out"
for program in avr-gcc gcc; do
  command -v $program >/dev/null || { echo "firmware: there is no $program; run scripts/setup.sh test" >&2; exit 1; }
done

elf=$out/siaga-uno.elf
avr-gcc -std=c11 -mmcu=atmega328p -DF_CPU=16000000UL -Os -flto -fshort-enums -fpack-struct -ffunction-sections -Wall -Wextra -Werror \
  -Wl,--gc-sections,-u,first,-u,identity -o "$elf.new" ./*.c
gcc -std=gnu11 -O2 -Wall -Wextra -Werror -o "$out/simhost.new" ../simhost/*.c -lsimavr -lelf -lutil -lm
read -r text data bss < <(avr-size -A "$elf.new" | awk '$1==".text"{t=$2} $1==".data"{d=$2} $1==".bss"||$1==".noinit"{b+=$2} END{print t, d, b}')
flash=$((text + data))
stack=$("$out/simhost.new" --virtual "$elf.new" <exercise.txt | awk '$1 == "stack" {print $3}')
[ -n "$stack" ] || { echo "firmware: the simulator did not say how deep the stack goes" >&2; exit 1; }
ram=$((data + bss + stack))
echo "flash $flash of $most_flash bytes; RAM $ram of $most_ram bytes (data $((data + bss)), stack $stack as measured)"
[ $flash -le $most_flash ] && [ $ram -le $most_ram ] || { echo "firmware: too large" >&2; exit 1; }
avr-objcopy -O ihex -R .eeprom "$elf.new" "$out/siaga-uno.hex"
mv "$elf.new" "$elf"
mv "$out/simhost.new" "$out/simhost"
