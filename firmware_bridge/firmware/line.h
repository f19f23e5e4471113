// A supervised line: what the voltage between a pull-up and an end-of-line resistor says. Pure.
// The supply is the converter's reference, so that a reading is a part of the supply, whatever the supply is.
#ifndef SIAGA_LINE_H
#define SIAGA_LINE_H
#include <stdbool.h>
#include <stdint.h>

enum line_class { LINE_SHORT, LINE_PRESSED, LINE_NORMAL, LINE_OPEN, LINE_UNKNOWN };

enum {
  LINE_FULL = 1023,  // the converter's largest reading
  LINE_PULL_UP_OHM = 4700,
  LINE_END_OHM = 4700,
  LINE_BUTTON_OHM = 2200,
  // The first reading of the next band: 12 %, 36 % and 88 % of the supply.
  LINE_FROM_PRESSED = 123,
  LINE_FROM_NORMAL = 368,
  LINE_FROM_OPEN = 901,
  LINE_SETTLE_MS = 50,
  LINE_FAULT_MS = 500,
};

struct line {
  enum line_class believed;  // LINE_UNKNOWN until the first has settled
  enum line_class seen;
  uint16_t seen_ms;
  uint16_t smooth;  // eight times the reading, smoothed over eight of them
  bool primed;
};

void line_init(struct line *line);
enum line_class line_classify(uint16_t reading);

// Take a reading (0 to LINE_FULL) that stands for the last step_ms milliseconds. True when what is believed has changed.
bool line_sample(struct line *line, uint16_t reading, uint8_t step_ms);
uint16_t line_per_mille(const struct line *line);
#endif
