// The pure parts of the firmware on this machine: `pure NAME` runs a test, `pure` names them.
#include <stdint.h>
#include <string.h>

#include "check.h"

unsigned char eeprom[1024];
static uint32_t seed = 1;

unsigned char eeprom_at(unsigned short address) { return eeprom[address]; }
void eeprom_clear(void) { memset(eeprom, 0xFF, sizeof eeprom); }
unsigned dice(void) {
  seed = seed * 1664525u + 1013904223u;
  return seed >> 8;
}

static const struct {
  const char *name;
  void (*run)(void);
} TESTS[] = {
    {"vectors", test_vectors},
    {"frames_cut", test_frames_cut},
    {"debounce", test_debounce},
    {"stuck", test_stuck},
    {"pattern", test_pattern},
    {"bands", test_bands},
    {"line_times", test_line_times},
    {"journal_cuts", test_journal_cuts},
    {"journal_wear", test_journal_wear},
    {"journal_rubbish", test_journal_rubbish},
    {"press_durable_first", test_press_durable_first},
    {"press_resent", test_press_resent},
    {"out_of_turn", test_out_of_turn},
    {"press_over_reset", test_press_over_reset},
    {"held_over_reset", test_held_over_reset},
    {"many_presses", test_many_presses},
    {"events_bound", test_events_bound},
    {"commands", test_commands},
    {"alone", test_alone},
    {"fuzz", test_fuzz},
};

int main(int argc, char **argv) {
  for (size_t i = 0; i < sizeof TESTS / sizeof TESTS[0]; i++) {
    if (argc < 2) {
      puts(TESTS[i].name);
    } else if (strcmp(argv[1], TESTS[i].name) == 0) {
      eeprom_clear();
      TESTS[i].run();
      return 0;
    }
  }
  return argc < 2 ? 0 : 2;
}
