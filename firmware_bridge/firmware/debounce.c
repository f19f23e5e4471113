#include "debounce.h"

bool debounce_sample(struct debounce *button, bool down) {
  if (button->down && button->held_ms < DEBOUNCE_STUCK_MS) button->held_ms++;
  if (down == button->down) {
    button->other_ms = 0;
    return false;
  }
  button->other_ms++;
  if (button->other_ms < (down ? DEBOUNCE_PRESS_MS : DEBOUNCE_RELEASE_MS)) return false;
  button->down = down;
  button->other_ms = 0;
  button->held_ms = 0;
  return true;
}

bool debounce_stuck(const struct debounce *button) { return button->down && button->held_ms >= DEBOUNCE_STUCK_MS; }
