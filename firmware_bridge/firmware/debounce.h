// A button's contact, sampled each millisecond. Pure.
#ifndef SIAGA_DEBOUNCE_H
#define SIAGA_DEBOUNCE_H
#include <stdbool.h>
#include <stdint.h>

enum { DEBOUNCE_PRESS_MS = 8, DEBOUNCE_RELEASE_MS = 30, DEBOUNCE_STUCK_MS = 30000 };

struct debounce {
  bool down;         // what is believed
  uint8_t other_ms;  // how long the contact has said the other thing without a break
  uint16_t held_ms;  // up to DEBOUNCE_STUCK_MS
};

// Take a sample a millisecond after the last. True when what is believed has changed.
bool debounce_sample(struct debounce *button, bool down);
bool debounce_stuck(const struct debounce *button);
#endif
