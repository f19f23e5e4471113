// The simulated board's buttons, lines and outputs.
#ifndef SIAGA_PINS_H
#define SIAGA_PINS_H
#include <simavr/sim_avr.h>
#include <stdbool.h>

enum { PINS_BUTTONS = 2, PINS_LINES = 2, PINS_OUTPUTS = 3 };

struct button {
  bool down;    // is held, whatever its contact does
  bool closed;  // its contact
  avr_cycle_count_t down_at, bounce_until, up_at;
  unsigned long held_ms;
};

struct pins {
  avr_t *avr;
  struct button buttons[PINS_BUTTONS];
  unsigned line_mv[PINS_LINES];
  unsigned bounce_ms;  // of each contact when it closes and when it opens
  unsigned seed;
  unsigned outputs;    // what was told last
  unsigned long held;  // presses of 200 ms or more that have ended
};

void pins_open(struct pins *pins, avr_t *avr);
// Hold a button down for some milliseconds. False: it is down already, or there is no such button.
bool pins_press(struct pins *pins, unsigned button, unsigned long ms);
void pins_supply(struct pins *pins, unsigned millivolts);
// Do what is due; prints `edge US BUTTON 1|0` and `pins US LAMP LAMP SIREN`.
void pins_step(struct pins *pins);
// Tell the chip all levels again, as a reset forgets them.
void pins_renew(struct pins *pins);
void pins_print(struct pins *pins, const char *word);
#endif
