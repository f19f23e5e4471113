#include "pattern.h"

bool pattern_level(enum pattern pattern, uint32_t since_ms) {
  uint16_t at = (uint16_t)(since_ms % 1000u);
  switch (pattern) {
    case PATTERN_SLOW:
      return at < 500;
    case PATTERN_FAST:
      return at % 200u < 100;
    case PATTERN_SOLID:
      return true;
    case PATTERN_FLASHES:
      return at < 480 && at % 160u < 80;
    case PATTERN_OFF:
    case PATTERN_COUNT:
      break;
  }
  return false;
}
