#include <string.h>

#include "board.h"
#include "check.h"

enum { WRITE_MS = 4 };

static struct board board;
static uint32_t now_ms;
static unsigned down;
static unsigned write_left;
static uint16_t write_address;
static uint8_t write_value;
static uint16_t host_seq;

// The last frame of the board.
static uint8_t told[FRAME_WIRE_MAX];
static struct frame frame;

static void boot(void) {
  write_left = 0;
  board_open(&board, eeprom_at, 1, now_ms);
}

static void millisecond(void) {
  now_ms++;
  if (write_left > 0 && --write_left == 0) {
    eeprom[write_address] = write_value;
    board_written(&board);
  }
  if (write_left == 0 && journal_next(&board.journal, &write_address, &write_value)) write_left = WRITE_MS;
  board_tick(&board, (uint8_t)down, now_ms);
}

static bool sends(void) {
  uint8_t length = board_send(&board, told, now_ms);
  if (length == 0) return false;
  CHECK(frame_decode(told, (uint8_t)(length - 1), FRAME_TO_HOST_MAX, &frame) == FRAME_OK);
  return true;
}

// Goes on for some milliseconds at most, until a frame of the type comes; others are passed over.
static bool wait_for(enum message type, unsigned ms) {
  for (unsigned i = 0; i <= ms; i++) {
    while (sends()) {
      if (frame.type == type) return true;
    }
    millisecond();
  }
  return false;
}

static void pass(unsigned ms) {
  for (unsigned i = 0; i < ms; i++) {
    millisecond();
    while (sends()) continue;
  }
}

static void host_says(enum message type, unsigned pairs, const uint32_t *values) {
  uint8_t bytes[FRAME_TO_BOARD_MAX], wire[FRAME_WIRE_MAX];
  struct cbor_writer writer = {.bytes = bytes, .size = sizeof bytes};
  cbor_map(&writer, (uint8_t)pairs);
  for (unsigned i = 0; i < pairs; i++) cbor_pair(&writer, (uint8_t)i, values[i]);
  uint8_t length = frame_encode(wire, (uint8_t)type, host_seq++, bytes, writer.length);
  for (unsigned i = 0; i < length; i++) board_byte(&board, wire[i], now_ms);
}

static void host_acknowledges(uint32_t number) { host_says(EVENT_ACK, 1, &number); }
static void meet(void) {
  uint32_t session = 7;
  CHECK(wait_for(HELLO, 2500));
  host_says(HELLO_ACK, 1, &session);
}

static void press(unsigned button, unsigned ms) {
  down |= 1u << button;
  pass(ms);
  down &= ~(1u << button);
  pass(DEBOUNCE_RELEASE_MS + 10);
}

static uint32_t number_at(unsigned key) {
  struct cbor_numbers numbers;
  CHECK(cbor_read(frame.payload, frame.length, &numbers));
  CHECK(numbers.present >> key & 1);
  return numbers.value[key];
}

static bool has_key(unsigned key) {
  struct cbor_numbers numbers;
  CHECK(cbor_read(frame.payload, frame.length, &numbers));
  return numbers.present >> key & 1;
}

// Nobody hears of a press that a reset could still take back.
void test_press_durable_first(void) {
  boot();
  meet();
  pass(200);
  down = 1;
  for (unsigned i = 0; i < 50; i++) {
    millisecond();
    if (!sends() || frame.type != EVENT) continue;
    CHECK(eeprom[JOURNAL_PAGE + JOURNAL_HEADER + 1] != 0xFF);
    CHECK_EQUAL(number_at(0), 1);
    CHECK_EQUAL(number_at(4), i + 1);
    CHECK(i <= DEBOUNCE_PRESS_MS + 2 * WRITE_MS);
    return;
  }
  CHECK(!"a press was told");
}

void test_press_resent(void) {
  boot();
  meet();
  press(0, 50);
  for (unsigned i = 0; i < 5; i++) {
    CHECK(wait_for(EVENT, 201));
    if (number_at(0) != 1) i--;
  }
  host_acknowledges(1);
  for (unsigned i = 0; i < 10 && wait_for(EVENT, 250); i++) {
    CHECK(number_at(0) != 1);
    host_acknowledges(number_at(0));
    host_acknowledges(number_at(0));
  }
  CHECK(!wait_for(EVENT, 1000));
  CHECK_EQUAL(board_waiting(&board), 0);
  host_acknowledges(1);
  host_acknowledges(99);
  host_acknowledges(2);  // before it happened: it must be told all the same
  press(0, 50);
  CHECK(board_waiting(&board) == 1);
}

// What was acknowledged out of turn is not told again.
void test_out_of_turn(void) {
  boot();
  press(0, 50);
  press(1, 50);
  meet();
  host_acknowledges(2);
  CHECK_EQUAL(board_waiting(&board), 2);
  for (unsigned i = 0; i < 20; i++) {
    CHECK(wait_for(EVENT, 250));
    CHECK(number_at(0) != 2);
  }
  host_acknowledges(1);
  CHECK_EQUAL(board_waiting(&board), 0);
}

void test_press_over_reset(void) {
  boot();
  press(1, 60);
  press(0, 60);
  boot();
  meet();
  CHECK(wait_for(EVENT, 10));
  CHECK(number_at(0) == 1 && number_at(1) == EVENT_PRESS && number_at(2) == 1 && !has_key(4));
  CHECK(wait_for(EVENT, 10));
  CHECK(number_at(0) == 2 && number_at(2) == 0 && !has_key(4));
  host_acknowledges(2);
  host_acknowledges(1);
  pass(50);
  boot();
  CHECK_EQUAL(board_waiting(&board), 0);
  CHECK_EQUAL(board.boots, 3);
  press(1, 60);
  CHECK_EQUAL(board.journal.state.ever, 3);
}

// A reset at each millisecond of a press: it counts once.
void test_held_over_reset(void) {
  for (unsigned at = 0; at < 150; at++) {
    eeprom_clear();
    boot();
    pass(100);
    down = 1;
    pass(at < 100 ? at : 100);
    if (at >= 100) down = 0, pass(at - 100);
    boot();
    if (at < 100) pass(100 - at);
    down = 0;
    pass(100);
    CHECK_EQUAL(board.journal.state.ever, 1);
    CHECK_EQUAL(board.told_down, 0);
  }
}

// More than are sent at once, and more than the button is known of.
void test_many_presses(void) {
  boot();
  for (unsigned i = 0; i < 50; i++) press(i % 2, 50);
  meet();
  for (unsigned number = 1; number <= 50; number++) {
    while (!wait_for(EVENT, 250) || number_at(1) != EVENT_PRESS || number_at(0) < number) continue;
    CHECK_EQUAL(number_at(0), number);
    uint32_t button = number_at(2);
    CHECK_EQUAL(button, number <= 18 ? JOURNAL_INDEX_UNKNOWN : (number - 1) % 2);
    CHECK_EQUAL(has_key(4), number > 42);
    host_acknowledges(number);
  }
  CHECK_EQUAL(board_waiting(&board), 0);
  pass(500);
  boot();
  CHECK_EQUAL(board_waiting(&board), 0);
}

void test_events_bound(void) {
  boot();
  for (unsigned i = 0; i < 40; i++) {
    for (unsigned ms = 0; ms < 120; ms += 2) board_reading(&board, 0, i % 2 ? 248 : 512, now_ms);
  }
  CHECK_EQUAL(board.event_count, BOARD_EVENTS);
  meet();
  for (unsigned i = 32; i < 40; i++) {
    CHECK(wait_for(EVENT, 10));
    CHECK_EQUAL(number_at(0), 0x80010000u | i);
    CHECK_EQUAL(number_at(1), EVENT_LINE);
    CHECK_EQUAL(number_at(3), i % 2 ? LINE_PRESSED : LINE_NORMAL);
  }
}

static void command(uint32_t id, uint32_t kind, uint32_t index, uint32_t value, uint32_t result) {
  uint32_t words[] = {id, kind, index, value};
  host_says(COMMAND, 4, words);
  CHECK(wait_for(COMMAND_ACK, 0));
  CHECK_EQUAL(number_at(0), id);
  CHECK_EQUAL(number_at(1), result);
}

void test_commands(void) {
  boot();
  meet();
  command(1, COMMAND_LAMP, 1, PATTERN_SOLID, RESULT_DONE);
  CHECK_EQUAL(board_outputs(&board, now_ms), 2);
  command(2, COMMAND_SIREN, 0, PATTERN_SOLID, RESULT_DONE);
  CHECK_EQUAL(board_outputs(&board, now_ms), 6);
  command(3, COMMAND_LAMP, 2, PATTERN_SOLID, RESULT_NO_SUCH_INDEX);
  // Two seconds from the last word on, whatever becomes of the link; a lamp has no such end.
  command(11, COMMAND_SIREN, 0, PATTERN_SOLID | 1u << 8, RESULT_DONE);
  command(12, COMMAND_SIREN, 0, PATTERN_SOLID | 2u << 8, RESULT_DONE);
  pass(1990);
  CHECK_EQUAL(board_outputs(&board, now_ms), 6);
  pass(10);
  CHECK_EQUAL(board_outputs(&board, now_ms), 2);
  command(13, COMMAND_SIREN, 0, PATTERN_SOLID | 1u << 8, RESULT_DONE);
  command(14, COMMAND_SIREN, 0, PATTERN_SOLID, RESULT_DONE);
  pass(2000);
  CHECK_EQUAL(board_outputs(&board, now_ms), 6);
  command(15, COMMAND_SIREN, 0, PATTERN_SOLID | 65536u << 8, RESULT_NO_SUCH_VALUE);
  command(16, COMMAND_LAMP, 1, PATTERN_SOLID | 1u << 8, RESULT_NO_SUCH_VALUE);
  command(4, COMMAND_SIREN, 1, PATTERN_SOLID, RESULT_NO_SUCH_INDEX);
  command(5, COMMAND_LAMP, 0, 5, RESULT_NO_SUCH_VALUE);
  command(6, 9, 0, 0, RESULT_NO_SUCH_KIND);
  command(7, 0, 0, 0, RESULT_NO_SUCH_KIND);
  for (unsigned ms = 0; ms < 100; ms += 2) board_reading(&board, 1, 512, now_ms);
  command(8, COMMAND_READ, 1, 0, RESULT_DONE);
  CHECK_EQUAL(number_at(2), 500);
  CHECK(!board.reset_due);
  command(9, COMMAND_RESET, 0, 0, RESULT_DONE);
  CHECK(board.reset_due);
  uint32_t words[] = {10, COMMAND_LAMP, 0};
  host_says(COMMAND, 3, words);
  CHECK(!wait_for(COMMAND_ACK, 5));
  for (unsigned i = 0; i < 20; i++) host_says(COMMAND, 4, (uint32_t[]){i, COMMAND_READ, 0, 0});
  CHECK_EQUAL(board.answer_count, BOARD_ANSWERS);
}

// The patterns go on when the link dies; a press that waits is shown after ten seconds; the hello begins again.
void test_alone(void) {
  boot();
  for (unsigned i = 0; i < 15; i++) {
    pass(1000);
    CHECK_EQUAL(board_outputs(&board, now_ms), 0);
  }
  meet();
  command(1, COMMAND_LAMP, 1, PATTERN_FAST, RESULT_DONE);
  press(0, 60);
  pass(BOARD_ALONE_MS - 200);
  CHECK(board.session && (board_outputs(&board, now_ms) & 1) == 0);
  CHECK(wait_for(HELLO, 300));
  unsigned flashes = 0, blinks = 0;
  for (unsigned ms = 0; ms < 10000; ms++) {
    unsigned before = board_outputs(&board, now_ms);
    pass(1);
    unsigned rose = board_outputs(&board, now_ms) & ~before;
    flashes += rose & 1;
    blinks += rose >> 1 & 1;
  }
  CHECK_EQUAL(flashes, 30);
  CHECK_EQUAL(blinks, 50);
  CHECK(!wait_for(BEAT, 1900));
  meet();
  CHECK(wait_for(BEAT, 1));
  const uint8_t nothing_read[] = {0x42, LINE_OPEN, LINE_OPEN};
  CHECK(memcmp(frame.payload + 6, nothing_read, sizeof nothing_read) == 0);  // behind the map's head, key 0 and three bytes of ms
  CHECK_EQUAL(board_waiting(&board), 1);
}

// Whatever comes on the wire: the sanitizers watch, and the board still answers after it.
void test_fuzz(void) {
  boot();
  for (unsigned round = 0; round < 20000; round++) {
    uint8_t payload[FRAME_TO_HOST_MAX], wire[FRAME_WIRE_MAX];
    uint8_t size = (uint8_t)(dice() % (sizeof payload + 1));
    for (unsigned i = 0; i < size; i++) payload[i] = (uint8_t)(dice() % 3 ? dice() % 8 : dice());
    if (size > 0) payload[0] = (uint8_t)(0xA0 + dice() % 8);
    uint8_t length = frame_encode(wire, (uint8_t)(dice() % 10), host_seq++, payload, size);
    if (dice() % 2) wire[dice() % length] = (uint8_t)dice();
    for (unsigned i = 0; i < length; i++) board_byte(&board, wire[i], now_ms);
    down = dice() % 4;
    pass(dice() % 3);
    CHECK(board.event_count <= BOARD_EVENTS && board.coming <= JOURNAL_FIFO && board.answer_count <= BOARD_ANSWERS);
  }
  board_byte(&board, 0, now_ms);
  pass(10);
  command(77, COMMAND_READ, 0, 0, RESULT_DONE);
}
