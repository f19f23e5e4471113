// Runs the board's ELF in simavr, with a pty for its serial line.
//
//   simhost [--virtual] ELF     without --virtual, simulated time keeps to the clock on the wall
//
// Lines on stdin:
//   press N MS          hold button N           adc N MILLIVOLTS    the voltage of line N
//   supply MILLIVOLTS   of the board            bounce MS SEED      how long contacts chatter
//   corrupt PER_MILLE SEED   of bytes, each way: half lost, half with a bit flipped
//   reset               the reset pin           power               off and on: the RAM is forgotten too
//   cut / mend          the serial line         send HEX            bytes to the board, as if from the pty
//   run MS              go on (--virtual only)  lamp? time? held?   quit
//   await N             take from the pty until it gave N bytes since the start
// Lines on stdout, US simulated microseconds since the start:
//   pty PATH | ready US | edge US N 1|0 | frame US HEX | pins US LAMP LAMP SIREN | lamp US … | time US
//   ran US N (bytes given to the pty since the start)
//   held US PRESSES (ended, of 200 ms or more) | stack US BYTES (deepest; at the end) | error what
#define _GNU_SOURCE
#include <ctype.h>
#include <poll.h>
#include <simavr/sim_elf.h>
#include <simavr/sim_time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pins.h"
#include "wire.h"

enum { PAINT = 0xC5, LINE_SIZE = 512, SLICE_CYCLES = 640, RESET_POWER = 0, RESET_PIN = 1 };

static avr_t *avr;
static struct wire wire;
static struct pins pins;
static unsigned ram_used;  // the first address after the variables
static bool is_virtual;

static unsigned long micros(void) { return (unsigned long)(avr->cycle * 1000000 / avr->frequency); }

static void no_sleep(avr_t *unused, avr_cycle_count_t cycles) { (void)unused, (void)cycles; }

static void quiet(avr_t *unused, const int level, const char *format, va_list arguments) {
  (void)unused;
  if (level <= LOG_ERROR) vfprintf(stderr, format, arguments);
}

static void paint(void) { memset(avr->data + ram_used, PAINT, avr->ramend + 1 - ram_used); }

static void load(const char *path) {
  static elf_firmware_t firmware;
  avr_global_logger_set(quiet);
  if (elf_read_firmware(path, &firmware) != 0) {
    fprintf(stderr, "simhost: %s is no firmware\n", path);
    exit(1);
  }
  avr = avr_make_mcu_by_name("atmega328p");
  avr_init(avr);
  avr->frequency = 16000000;
  avr_load_firmware(avr, &firmware);
  avr->frequency = 16000000;
  avr->sleep = no_sleep;
  avr->run_cycle_limit = SLICE_CYCLES;
  for (unsigned i = 0; i < firmware.symbolcount; i++) {
    if (strcmp(firmware.symbol[i]->symbol, "_end") == 0) ram_used = firmware.symbol[i]->addr & 0xFFFF;
  }
  if (ram_used < 0x100 || ram_used > avr->ramend) {
    fprintf(stderr, "simhost: %s does not tell where its variables end\n", path);
    exit(1);
  }
  paint();
}

static void run_until(avr_cycle_count_t end) {
  static avr_cycle_count_t next_step;
  while (avr->cycle < end) {
    int state = avr_run(avr);
    if (state == cpu_Done || state == cpu_Crashed) {
      printf("error the chip has crashed at %lu\n", micros());
      exit(1);
    }
    if (avr->cycle < next_step) continue;
    next_step = avr->cycle + SLICE_CYCLES;
    wire_step(&wire);
    pins_step(&pins);
  }
}

static void reset(int kind) {
  if (kind == RESET_POWER) {
    for (unsigned i = 0x100; i < ram_used; i++) avr->data[i] = (uint8_t)rand();
  }
  avr_cycle_count_t cycle = avr->cycle;
  avr_reset(avr);
  avr->cycle = cycle;
  avr_regbit_t cause = kind == RESET_POWER ? avr->reset_flags.porf : avr->reset_flags.extrf;
  avr->data[0x54] = 0;
  avr->data[0x54] = (uint8_t)(1u << cause.bit);
  pins_renew(&pins);
}

static void run_ms(unsigned long ms) {
  for (; ms > 0; ms--) {
    wire_poll(&wire);
    run_until(avr->cycle + avr->frequency / 1000);
  }
  printf("ran %lu %lu\n", micros(), wire.given);
}

static bool send_hex(const char *hex) {
  unsigned byte;
  for (; isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]); hex += 2) {
    if (sscanf(hex, "%2x", &byte) != 1 || !wire_queue(&wire, (unsigned char)byte)) return false;
  }
  return *hex == 0;
}

static void print_stack(void) {
  unsigned at = ram_used;
  while (at <= avr->ramend && avr->data[at] == PAINT) at++;
  printf("stack %lu %u\n", micros(), avr->ramend + 1 - at);
}

// False: the end.
static bool obey(char *line) {
  unsigned long a, b;
  char word[16] = "", hex[LINE_SIZE] = "";
  int count = sscanf(line, "%15s %lu %lu", word, &a, &b);
  bool right = true;
  if (count < 1) return true;
  if (strcmp(word, "quit") == 0) return false;
  if (strcmp(word, "press") == 0 && count == 3) right = pins_press(&pins, (unsigned)a, b);
  else if (strcmp(word, "adc") == 0 && count == 3 && a < PINS_LINES) pins.line_mv[a] = (unsigned)b, pins_renew(&pins);
  else if (strcmp(word, "supply") == 0 && count == 2) pins_supply(&pins, (unsigned)a);
  else if (strcmp(word, "bounce") == 0 && count == 3) pins.bounce_ms = (unsigned)a, pins.seed = (unsigned)b;
  else if (strcmp(word, "corrupt") == 0 && count == 3) wire.per_mille = (unsigned)a, wire.seed = (unsigned)b;
  else if (strcmp(word, "reset") == 0) reset(RESET_PIN);
  else if (strcmp(word, "power") == 0) reset(RESET_POWER);
  else if (strcmp(word, "cut") == 0) wire.cut = true;
  else if (strcmp(word, "mend") == 0) wire.cut = false;
  else if (strcmp(word, "send") == 0) right = sscanf(line, "%*s %511s", hex) == 1 && send_hex(hex);
  else if (strcmp(word, "await") == 0 && count == 2) right = wire_await(&wire, a);
  else if (strcmp(word, "run") == 0 && count == 2 && is_virtual) run_ms(a);
  else if (strcmp(word, "lamp?") == 0) pins_print(&pins, "lamp");
  else if (strcmp(word, "time?") == 0) printf("time %lu\n", micros());
  else if (strcmp(word, "held?") == 0) printf("held %lu %lu\n", micros(), pins.held);
  else right = false;
  if (!right) printf("error not done: %s\n", line);
  return true;
}

// The lines that stdin holds. False: quit, or its end.
static bool take_lines(int wait_ms) {
  static char held[LINE_SIZE];
  static size_t length;
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  if (poll(&input, 1, wait_ms) <= 0) return true;
  ssize_t got = read(STDIN_FILENO, held + length, sizeof held - 1 - length);
  if (got <= 0) return false;
  length += (size_t)got;
  held[length] = 0;
  for (char *end; (end = strchr(held, '\n')) != NULL;) {
    *end = 0;
    if (!obey(held)) return false;
    length -= (size_t)(end + 1 - held);
    memmove(held, end + 1, length + 1);
  }
  if (length == sizeof held - 1) length = 0;  // no line is so long
  fflush(stdout);
  return true;
}

static avr_cycle_count_t wall_cycles(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (avr_cycle_count_t)now.tv_sec * 16000000u + (avr_cycle_count_t)now.tv_nsec * 2 / 125;
}

int main(int argc, char **argv) {
  is_virtual = argc == 3 && strcmp(argv[1], "--virtual") == 0;
  if (argc != 2 + is_virtual) {
    fprintf(stderr, "use: simhost [--virtual] ELF\n");
    return 2;
  }
  load(argv[argc - 1]);
  wire_open(&wire, avr);
  pins_open(&pins, avr);
  reset(RESET_POWER);
  printf("ready %lu\n", micros());
  fflush(stdout);
  avr_cycle_count_t start = wall_cycles() - avr->cycle;
  while (take_lines(is_virtual ? -1 : 1)) {
    if (is_virtual) continue;
    avr_cycle_count_t goal = wall_cycles() - start;
    // A machine that was asleep goes on where it was.
    if (goal > avr->cycle + avr->frequency) start += goal - avr->cycle, goal = avr->cycle;
    wire_poll(&wire);
    run_until(goal);
    fflush(stdout);
  }
  print_stack();
  return 0;
}
