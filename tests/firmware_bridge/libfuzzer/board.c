// What comes over the line, into the whole board but its hardware, under libFuzzer with sanitizers.
//
// The first byte says what the rest is: 0 the line's bytes as they are; else pieces, each a length, a type and a payload that is
// framed with its right check, so that what is behind the check is reached too. Between them time passes, buttons go down and up,
// lines are read, the EEPROM is written, and everything the board says must be a frame.
#include <stdlib.h>
#include <string.h>

#include "board.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t eeprom[1024];
static struct board board;
static uint32_t now_ms;

static uint8_t eeprom_at(uint16_t address) { return eeprom[address]; }

static void live(uint8_t chance) {
  uint16_t address;
  uint8_t value, wire[FRAME_WIRE_MAX];
  struct frame frame;
  for (unsigned ms = chance & 31u; ms > 0; ms--) {
    now_ms += chance > 250 ? 5000 : 1;
    board_tick(&board, chance >> 6, now_ms);
    board_reading(&board, chance & 1u, (uint16_t)(chance * 4u), now_ms);
    if (journal_next(&board.journal, &address, &value)) {
      if (address >= sizeof eeprom) abort();
      eeprom[address] = value;
      board_written(&board);
    }
  }
  for (uint8_t length; (length = board_send(&board, wire, now_ms)) > 0;) {
    if (length > FRAME_WIRE_MAX || wire[length - 1] != 0) abort();
    if (frame_decode(wire, (uint8_t)(length - 1), FRAME_TO_HOST_MAX, &frame) != FRAME_OK) abort();
  }
  board_outputs(&board, now_ms);
}

static void hear(const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) board_byte(&board, bytes[i], now_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  memset(eeprom, 0xFF, sizeof eeprom);
  now_ms = 0;
  board_open(&board, eeprom_at, 1, now_ms);
  live(31);
  if (data[0] == 0) {
    for (size_t at = 1; at < size; at += 16) {
      hear(data + at, size - at < 16 ? size - at : 16);
      live(data[at]);
    }
    return 0;
  }
  for (size_t at = 1; at + 2 <= size;) {
    uint8_t length = data[at] % (FRAME_TO_BOARD_MAX + 2), type = data[at + 1], wire[FRAME_WIRE_MAX];
    at += 2;
    if (length > size - at) length = (uint8_t)(size - at);
    hear(wire, frame_encode(wire, type % 12, (uint16_t)at, data + at, length));
    live(type);
    at += length;
  }
  return 0;
}
