// What the board does, without its hardware: samples, bytes and milliseconds go in, bytes and levels come out. Pure.
#ifndef SIAGA_BOARD_H
#define SIAGA_BOARD_H
#include <stdbool.h>
#include <stdint.h>

#include "cbor.h"
#include "debounce.h"
#include "frame.h"
#include "journal.h"
#include "line.h"
#include "pattern.h"

#define BOARD_FIRMWARE "siaga-1.1"
#define BOARD_NAME "uno-328p"

enum { BOARD_BUTTONS = 2, BOARD_LINES = 2, BOARD_LAMPS = 2, BOARD_SIRENS = 1, BOARD_OUTPUTS = BOARD_LAMPS + BOARD_SIRENS };
enum { BOARD_WINDOW = 8, BOARD_EVENTS = 8, BOARD_ANSWERS = 4 };
enum {
  BOARD_HELLO_MS = 2000,
  BOARD_BEAT_MS = 1000,
  BOARD_RESEND_MS = 200,
  BOARD_ALONE_MS = 10000,  // without a word from the host
  BOARD_LINE_MS = 2,       // between two readings of a line
  BOARD_SIREN_MAX_S = 65535,
};

enum message { HELLO = 1, HELLO_ACK, EVENT, EVENT_ACK, COMMAND, COMMAND_ACK, BEAT, PING };
enum event_kind { EVENT_PRESS = 1, EVENT_RELEASE, EVENT_LINE, EVENT_STUCK };
enum command_kind { COMMAND_LAMP = 1, COMMAND_SIREN, COMMAND_READ, COMMAND_RESET };
enum command_result { RESULT_DONE, RESULT_NO_SUCH_KIND, RESULT_NO_SUCH_INDEX, RESULT_NO_SUCH_VALUE };

// An event that is no press. Its number has the top bit, then 15 bits of the boot counter, then 16 that rise.
struct event {
  uint32_t number;
  uint32_t at_ms;
  uint16_t sent_ms;
  uint8_t kind;
  uint8_t index;
  uint8_t value;
  bool sent;
};

struct answer {
  uint16_t id;
  uint16_t value;
  uint8_t result;
};

struct board {
  struct journal journal;
  struct debounce buttons[BOARD_BUTTONS];
  uint8_t told_down;  // a bit each: its press is in the journal or on the way there
  uint8_t told_stuck;
  struct line lines[BOARD_LINES];
  enum pattern patterns[BOARD_OUTPUTS];
  uint32_t since_ms[BOARD_OUTPUTS];
  uint32_t siren_end_ms[BOARD_SIRENS];
  uint8_t siren_ends;  // a bit for each that has an end

  uint32_t acknowledged;            // presses, in order
  uint8_t window;                   // bit i: press acknowledged + 1 + i is acknowledged too
  uint32_t first_here;              // the first press since the boot
  uint32_t edge_ms[BOARD_WINDOW];   // when press n happened, at n % BOARD_WINDOW, for the newest
  uint32_t coming_ms[JOURNAL_FIFO];  // the edges of presses on the way into the journal
  uint8_t coming;
  uint16_t press_sent_ms[BOARD_WINDOW];
  uint8_t press_sent;  // bit n % BOARD_WINDOW

  struct event events[BOARD_EVENTS];
  uint8_t event_count;
  uint16_t event_number;
  struct answer answers[BOARD_ANSWERS];
  uint8_t answer_count;

  struct collector collector;
  uint16_t seq;
  uint16_t boots;  // this one too, though its entry may be on the way into the journal
  uint32_t heard_ms;
  uint32_t hello_ms;
  uint32_t beat_ms;
  bool session;
  bool hello_due;
  bool beat_due;
  bool reset_due;  // the hardware shall reset once all is sent
  uint8_t cause;
};

// cause: bits of what reset the board (1 power, 2 reset pin, 4 brown-out, 8 watchdog or command).
void board_open(struct board *board, uint8_t (*read)(uint16_t address), uint8_t cause, uint32_t now_ms);
// Each millisecond: the buttons that are down, a bit each.
void board_tick(struct board *board, uint8_t down, uint32_t now_ms);
void board_reading(struct board *board, uint8_t line, uint16_t reading, uint32_t now_ms);
void board_byte(struct board *board, uint8_t byte, uint32_t now_ms);
// A byte that journal_next gave stands in the EEPROM.
void board_written(struct board *board);
// The next frame to send, to wire (FRAME_WIRE_MAX bytes). Returns its length, 0 for none.
uint8_t board_send(struct board *board, uint8_t *wire, uint32_t now_ms);
// The levels of lamps, then sirens, a bit each.
uint8_t board_outputs(const struct board *board, uint32_t now_ms);
uint16_t board_waiting(const struct board *board);  // presses not acknowledged
#endif
