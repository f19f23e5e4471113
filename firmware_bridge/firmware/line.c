#include "line.h"

void line_init(struct line *line) { *line = (struct line){.believed = LINE_UNKNOWN, .seen = LINE_UNKNOWN}; }

enum line_class line_classify(uint16_t reading) {
  if (reading < LINE_FROM_PRESSED) return LINE_SHORT;
  if (reading < LINE_FROM_NORMAL) return LINE_PRESSED;
  return reading < LINE_FROM_OPEN ? LINE_NORMAL : LINE_OPEN;
}

bool line_sample(struct line *line, uint16_t reading, uint8_t step_ms) {
  if (reading > LINE_FULL) reading = LINE_FULL;
  if (!line->primed) line->smooth = (uint16_t)(reading * 8u);
  line->primed = true;
  line->smooth = (uint16_t)(line->smooth - line->smooth / 8u + reading);
  enum line_class now = line_classify((uint16_t)(line->smooth / 8u));
  if (now != line->seen) {
    line->seen = now;
    line->seen_ms = 0;
    return false;
  }
  if (now == line->believed) return false;
  line->seen_ms = (uint16_t)(line->seen_ms + step_ms);
  bool fault = now == LINE_SHORT || now == LINE_OPEN;
  if (line->seen_ms < (fault ? LINE_FAULT_MS : LINE_SETTLE_MS)) return false;
  line->believed = now;
  return true;
}

uint16_t line_per_mille(const struct line *line) {
  return (uint16_t)((uint32_t)(line->smooth / 8u) * 1000u / LINE_FULL);
}
