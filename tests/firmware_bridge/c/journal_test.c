#include <string.h>

#include "check.h"
#include "journal.h"

static struct journal journal;

static void write_all(void) {
  uint16_t address;
  uint8_t value;
  for (unsigned i = 0; i < 2048 && journal_next(&journal, &address, &value); i++) {
    eeprom[address] = value == 0xFF ? 0xFF : eeprom[address] & value;
    journal_done(&journal);
  }
}

static void boot(void) { journal_open(&journal, eeprom_at); }

static bool is_same(const struct journal_state *a, const struct journal_state *b) {
  return a->ever == b->ever && a->waiting == b->waiting && a->buttons == b->buttons && a->boots == b->boots && a->down == b->down;
}

static void some_entry(unsigned i) {
  if (i % 3 == 0) CHECK(journal_press(&journal, i % 2));
  if (i % 3 == 1) CHECK(journal_release(&journal, (i - 1) % 2));
  if (i % 3 == 2 && journal.state.waiting > journal.acks) journal_acknowledge(&journal, 1);
}

// The power fails while this byte is written: its old bits, its new ones, or any mixture between.
static void fail_at(uint16_t address, uint8_t value, uint8_t part, const struct journal_state *before, const struct journal_state *after) {
  unsigned char kept[sizeof eeprom];
  struct journal going_on = journal;
  memcpy(kept, eeprom, sizeof eeprom);
  eeprom[address] = value == 0xFF ? (eeprom[address] | part) : (eeprom[address] & (value | part));
  boot();
  CHECK(is_same(&journal.state, before) || is_same(&journal.state, after));
  uint32_t ever = journal.state.ever;
  uint16_t boots = journal.state.boots;
  for (unsigned i = 0; i < 9; i++) {
    some_entry(i);
    write_all();
  }
  boot();
  CHECK_EQUAL(journal.state.ever, ever + 3);
  CHECK_EQUAL(journal.state.boots, boots + 1);
  memcpy(eeprom, kept, sizeof eeprom);
  journal = going_on;
}

// Power fails at every byte of 2,000 entries, which turns pages four times.
void test_journal_cuts(void) {
  static const uint8_t parts[] = {0xFF, 0x00, 0x0F, 0xF0, 0x55, 0x01};
  unsigned cuts = 0, turns = 0;
  boot();
  write_all();
  for (unsigned i = 0; i < 2000; i++) {
    uint16_t address;
    uint8_t value, page = journal.page;
    some_entry(i);
    if (i % 8 < 4) continue;  // now and then several wait, so that a page is turned with more to come
    while (journal_next(&journal, &address, &value)) {
      // A press while a page is being turned is the first entry of the new page, before the old one is erased.
      if (journal.header_at == 9 && journal.fifo_length == 0) CHECK(journal_press(&journal, 1));
      struct journal_state before = journal.state;
      struct journal probe = journal;
      journal_done(&probe);
      for (unsigned p = 0; p < sizeof parts; p++, cuts++) fail_at(address, value, parts[p], &before, &probe.state);
      fail_at(address, value, (uint8_t)(1u << cuts % 8), &before, &probe.state);
      eeprom[address] = value == 0xFF ? 0xFF : eeprom[address] & value;
      journal_done(&journal);
    }
    turns += page != journal.page;
  }
  CHECK(journal.state.ever >= 660 && journal.fifo_length == 0);
  CHECK(turns >= 4 && cuts > 20000);
}

void test_journal_wear(void) {
  static unsigned erased[sizeof eeprom];
  boot();
  for (unsigned i = 0; i < 60000; i++) {
    uint16_t address;
    uint8_t value;
    some_entry(i);
    while (journal_next(&journal, &address, &value)) {
      erased[address] += value == 0xFF;
      CHECK(value == 0xFF || eeprom[address] == 0xFF);
      eeprom[address] = value;
      journal_done(&journal);
    }
  }
  unsigned most = 0;
  for (unsigned i = 0; i < sizeof eeprom; i++) most = erased[i] > most ? erased[i] : most;
  CHECK_EQUAL(journal.state.ever, 20000);
  printf("presses for each erasing of the busiest byte: %u\n", 20000 / most);
  CHECK(20000 / most >= 300);
}

// A chip that was used for something else.
void test_journal_rubbish(void) {
  for (unsigned round = 0; round < 200; round++) {
    for (unsigned i = 0; i < sizeof eeprom; i++) eeprom[i] = (unsigned char)dice();
    boot();
    CHECK_EQUAL(journal.state.ever, 0);
    CHECK(journal_press(&journal, 1));
    write_all();
    boot();
    CHECK(journal.state.ever == 1 && journal.state.waiting == 1 && journal.state.boots == 1);
    CHECK_EQUAL(journal_button(&journal, 1), 1);
  }
}
