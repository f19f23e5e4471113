// Checks that say what they wanted, and stop the test.
#ifndef SIAGA_CHECK_H
#define SIAGA_CHECK_H
#include <stdio.h>
#include <stdlib.h>

#define CHECK(what)                                                  \
  do {                                                               \
    if (!(what)) {                                                   \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
      exit(1);                                                       \
    }                                                                \
  } while (0)

#define CHECK_EQUAL(found, wanted)                                                                                     \
  do {                                                                                                                 \
    long long found_ = (long long)(found), wanted_ = (long long)(wanted);                                              \
    if (found_ != wanted_) {                                                                                           \
      fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #found, found_, wanted_); \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

void test_vectors(void);
void test_frames_cut(void);
void test_debounce(void);
void test_stuck(void);
void test_pattern(void);
void test_bands(void);
void test_line_times(void);
void test_journal_cuts(void);
void test_journal_wear(void);
void test_journal_rubbish(void);
void test_press_durable_first(void);
void test_press_resent(void);
void test_out_of_turn(void);
void test_press_over_reset(void);
void test_held_over_reset(void);
void test_many_presses(void);
void test_events_bound(void);
void test_commands(void);
void test_alone(void);
void test_fuzz(void);

// A pretended EEPROM, all 0xFF at first.
extern unsigned char eeprom[1024];
unsigned char eeprom_at(unsigned short address);
void eeprom_clear(void);
unsigned dice(void);  // seeded
#endif
