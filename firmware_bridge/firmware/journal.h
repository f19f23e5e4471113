// The presses, in an EEPROM that may lose power at any byte. Pure: it says which byte to write, and is told when it stands.
//
// Two pages. The newer one with a right CRC counts: a header with the state, then a log of one byte an entry. While one
// page fills, the other is erased; a full page's state goes into the other's header. Every log byte has four of its eight
// bits set: a write only clears bits of an erased byte, so half a write has more than four and is no entry.
#ifndef SIAGA_JOURNAL_H
#define SIAGA_JOURNAL_H
#include <stdbool.h>
#include <stdint.h>

enum {
  JOURNAL_PAGE = 512,
  JOURNAL_HEADER = 18,
  JOURNAL_FIFO = 8,
  JOURNAL_INDEX_UNKNOWN = 255,
  JOURNAL_INDEXES = 32,  // of so many newest presses the button is known
};

struct journal_state {
  uint32_t ever;     // presses
  uint16_t waiting;  // of them, not acknowledged
  uint32_t buttons;  // bit i: the button of press ever - i
  uint16_t boots;
  uint8_t down;  // buttons whose press has no release yet, a bit each
};

struct journal {
  uint8_t (*read)(uint16_t address);
  struct journal_state state;  // what stands in the EEPROM
  uint16_t serial;
  uint8_t page;
  uint16_t at;         // where the next entry goes, within the page
  uint16_t erased_to;  // the other page is erased up to here
  uint8_t header[JOURNAL_HEADER];
  uint8_t header_at;  // the next byte of a header that is being written, or JOURNAL_HEADER
  bool formatting;    // no page counts yet
  uint8_t writing;    // what the byte in flight is
  uint8_t entry;
  uint8_t fifo[JOURNAL_FIFO];
  uint8_t fifo_length;
  uint16_t acks;  // acknowledged, not yet written
};

// Read the EEPROM and note the boot.
void journal_open(struct journal *journal, uint8_t (*read)(uint16_t address));

// Note a press or a release of button 0 or 1; acknowledged presses. False: full, try again a little later.
bool journal_press(struct journal *journal, uint8_t button);
bool journal_release(struct journal *journal, uint8_t button);
void journal_acknowledge(struct journal *journal, uint16_t presses);

// The next byte to write, when there is one. Call journal_done when it stands in the EEPROM, before the next.
bool journal_next(struct journal *journal, uint16_t *address, uint8_t *value);
// True when the byte made a press count: its number is state.ever.
bool journal_done(struct journal *journal);

// The button of press `number`, or JOURNAL_INDEX_UNKNOWN.
uint8_t journal_button(const struct journal *journal, uint32_t number);
#endif
