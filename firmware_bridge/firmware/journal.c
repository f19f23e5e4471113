#include "journal.h"

#include <string.h>

#include "frame.h"

enum { MAGIC = 0x53, ERASED = 0xFF, ROOM_LEFT = 32 };
enum { ENTRY_PRESS = 0x33, ENTRY_PRESS_1 = 0x35, ENTRY_RELEASE = 0x39, ENTRY_RELEASE_1 = 0x53, ENTRY_ACK = 0x55, ENTRY_BOOT = 0x59 };
enum { WRITING_NOTHING, WRITING_ENTRY, WRITING_ACK, WRITING_HEADER, WRITING_ERASE };

static void put(uint8_t *bytes, uint32_t value, uint8_t size) {
  for (uint8_t i = 0; i < size; i++) bytes[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get(const uint8_t *bytes, uint8_t size) {
  uint32_t value = 0;
  for (uint8_t i = 0; i < size; i++) value |= (uint32_t)bytes[i] << (8 * i);
  return value;
}

static void pack(uint8_t *header, uint16_t serial, const struct journal_state *state) {
  header[0] = MAGIC;
  put(header + 1, serial, 2);
  put(header + 3, state->ever, 4);
  put(header + 7, state->waiting, 2);
  put(header + 9, state->buttons, 4);
  put(header + 13, state->boots, 2);
  header[15] = state->down;
  put(header + 16, crc16(0xFFFF, header, 16), 2);
}

static bool unpack(const uint8_t *header, uint16_t *serial, struct journal_state *state) {
  if (header[0] != MAGIC || crc16(0xFFFF, header, 16) != get(header + 16, 2)) return false;
  *serial = (uint16_t)get(header + 1, 2);
  state->ever = get(header + 3, 4);
  state->waiting = (uint16_t)get(header + 7, 2);
  state->buttons = get(header + 9, 4);
  state->boots = (uint16_t)get(header + 13, 2);
  state->down = header[15];
  return true;
}

static bool apply(struct journal_state *state, uint8_t entry) {
  switch (entry) {
    case ENTRY_PRESS:
    case ENTRY_PRESS_1:
      state->ever++;
      if (state->waiting < UINT16_MAX) state->waiting++;
      state->buttons = (state->buttons << 1) | (entry == ENTRY_PRESS_1 ? 1u : 0u);
      state->down = (uint8_t)(state->down | (entry == ENTRY_PRESS_1 ? 2u : 1u));
      return true;
    case ENTRY_RELEASE:
    case ENTRY_RELEASE_1:
      state->down = (uint8_t)(state->down & (entry == ENTRY_RELEASE_1 ? ~2u : ~1u));
      return false;
    case ENTRY_ACK:
      if (state->waiting > 0) state->waiting--;
      return false;
    case ENTRY_BOOT:
      state->boots++;
      return false;
    default:
      return false;  // half a write
  }
}

static uint16_t address_of(uint8_t page, uint16_t at) { return (uint16_t)(page * (uint16_t)JOURNAL_PAGE + at); }

static uint8_t other(const struct journal *journal) { return journal->page ^ 1u; }

static bool read_header(const struct journal *journal, uint8_t page, uint16_t *serial, struct journal_state *state) {
  uint8_t header[JOURNAL_HEADER];
  for (uint8_t i = 0; i < JOURNAL_HEADER; i++) header[i] = journal->read(address_of(page, i));
  return unpack(header, serial, state);
}

static bool note(struct journal *journal, uint8_t entry) {
  if (journal->fifo_length == JOURNAL_FIFO) return false;
  journal->fifo[journal->fifo_length++] = entry;
  return true;
}

void journal_open(struct journal *journal, uint8_t (*read)(uint16_t address)) {
  memset(journal, 0, sizeof *journal);
  journal->read = read;
  journal->header_at = JOURNAL_HEADER;
  struct journal_state states[2];
  uint16_t serials[2];
  bool right[2];
  for (uint8_t page = 0; page < 2; page++) right[page] = read_header(journal, page, &serials[page], &states[page]);
  journal->page = right[1] && (!right[0] || (int16_t)(serials[1] - serials[0]) > 0) ? 1 : 0;
  if (right[journal->page]) {
    journal->serial = serials[journal->page];
    journal->state = states[journal->page];
    journal->at = JOURNAL_HEADER;
    for (; journal->at < JOURNAL_PAGE; journal->at++) {
      uint8_t entry = read(address_of(journal->page, journal->at));
      if (entry == ERASED) break;
      apply(&journal->state, entry);
    }
  } else {
    journal->formatting = true;
    journal->at = JOURNAL_PAGE;
  }
  note(journal, ENTRY_BOOT);
}

bool journal_press(struct journal *journal, uint8_t button) { return note(journal, button ? ENTRY_PRESS_1 : ENTRY_PRESS); }
bool journal_release(struct journal *journal, uint8_t button) {
  return note(journal, button ? ENTRY_RELEASE_1 : ENTRY_RELEASE);
}
void journal_acknowledge(struct journal *journal, uint16_t presses) { journal->acks = (uint16_t)(journal->acks + presses); }

static bool next_erase(struct journal *journal, uint16_t *address) {
  while (journal->erased_to < JOURNAL_PAGE) {
    *address = address_of(other(journal), journal->erased_to);
    if (journal->read(*address) != ERASED) return true;
    journal->erased_to++;
  }
  return false;
}

static bool next_entry(struct journal *journal, uint16_t *address, uint8_t *value) {
  if (journal->at == JOURNAL_PAGE || (journal->fifo_length == 0 && journal->acks == 0)) return false;
  journal->writing = journal->fifo_length > 0 ? WRITING_ENTRY : WRITING_ACK;
  journal->entry = journal->fifo_length > 0 ? journal->fifo[0] : ENTRY_ACK;
  *address = address_of(journal->page, journal->at);
  *value = journal->entry;
  return true;
}

bool journal_next(struct journal *journal, uint16_t *address, uint8_t *value) {
  if (journal->header_at == JOURNAL_HEADER && next_entry(journal, address, value)) return true;
  if (journal->header_at == JOURNAL_HEADER) {
    if (next_erase(journal, address)) {
      *value = ERASED;
      journal->writing = WRITING_ERASE;
      return true;
    }
    if (journal->at < JOURNAL_PAGE - ROOM_LEFT) return false;
    pack(journal->header, (uint16_t)(journal->serial + 1u), &journal->state);
    journal->header_at = 0;
  }
  *address = address_of(other(journal), journal->header_at);
  *value = journal->header[journal->header_at];
  journal->writing = WRITING_HEADER;
  return true;
}

static void turn_page(struct journal *journal) {
  journal->erased_to = 0;
  journal->page = other(journal);
  uint16_t serial;
  struct journal_state state;
  if (read_header(journal, journal->page, &serial, &state)) {
    journal->serial = serial;
    journal->at = JOURNAL_HEADER;
    journal->formatting = false;
  } else {
    journal->page = other(journal);  // a byte that does not take: erase that page again and try once more
  }
}

bool journal_done(struct journal *journal) {
  uint8_t written = journal->writing;
  journal->writing = WRITING_NOTHING;
  switch (written) {
    case WRITING_ENTRY:
      journal->fifo_length--;
      memmove(journal->fifo, journal->fifo + 1, journal->fifo_length);
      break;
    case WRITING_ACK:
      journal->acks--;
      break;
    case WRITING_HEADER:
      journal->header_at++;
      if (journal->header_at == JOURNAL_HEADER) turn_page(journal);
      return false;
    default:
      return false;
  }
  journal->at++;
  return apply(&journal->state, journal->entry);
}

uint8_t journal_button(const struct journal *journal, uint32_t number) {
  uint32_t back = journal->state.ever - number;
  if (number == 0 || back >= JOURNAL_INDEXES) return JOURNAL_INDEX_UNKNOWN;
  return (uint8_t)((journal->state.buttons >> back) & 1u);
}
