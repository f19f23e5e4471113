#define _GNU_SOURCE
#include "pins.h"

#include <simavr/avr_adc.h>
#include <simavr/avr_extint.h>
#include <simavr/avr_ioport.h>
#include <simavr/sim_time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BUTTON = 2, FIRST_OUTPUT = 5, BUTTON_MASK = 0x0C, PORT_D = 0x2B, COUNTED_MS = 200 };

static unsigned long micros(const avr_t *avr) { return (unsigned long)(avr->cycle * 1000000 / avr->frequency); }

static avr_cycle_count_t cycles(const avr_t *avr, unsigned long ms) { return (avr_cycle_count_t)ms * avr->frequency / 1000; }

// The chip drives a pin with a pull-up high itself unless it is told what is outside.
static void drive(struct pins *pins, unsigned button, bool closed) {
  pins->buttons[button].closed = closed;
  avr_ioport_external_t outside = {.name = 'D', .mask = BUTTON_MASK, .value = 0};
  for (unsigned i = 0; i < PINS_BUTTONS; i++) {
    if (!pins->buttons[i].closed) outside.value |= 1u << (FIRST_BUTTON + i);
  }
  avr_ioctl(pins->avr, AVR_IOCTL_IOPORT_SET_EXTERNAL('D'), &outside);
  avr_raise_irq(avr_io_getirq(pins->avr, AVR_IOCTL_IOPORT_GETIRQ('D'), (int)(FIRST_BUTTON + button)), !closed);
}

void pins_open(struct pins *pins, avr_t *avr) {
  memset(pins, 0, sizeof *pins);
  pins->avr = avr;
  for (unsigned i = 0; i < PINS_LINES; i++) pins->line_mv[i] = 2500;
  pins_supply(pins, 5000);
}

void pins_supply(struct pins *pins, unsigned millivolts) {
  pins->avr->vcc = pins->avr->avcc = pins->avr->aref = millivolts;
  pins_renew(pins);
}

void pins_renew(struct pins *pins) {
  // Each reset lets simavr look at a low level in every cycle again, for an interrupt that the firmware does not use; a held
  // button made time ten times slower.
  for (unsigned i = 0; i < PINS_BUTTONS; i++) avr_extint_set_strict_lvl_trig(pins->avr, (uint8_t)i, 0);
  for (unsigned i = 0; i < PINS_LINES; i++) {
    avr_raise_irq(avr_io_getirq(pins->avr, AVR_IOCTL_ADC_GETIRQ, (int)(ADC_IRQ_ADC0 + i)), pins->line_mv[i]);
  }
  for (unsigned i = 0; i < PINS_BUTTONS; i++) {
    bool closed = pins->buttons[i].closed;
    drive(pins, i, !closed);
    drive(pins, i, closed);
  }
}

bool pins_press(struct pins *pins, unsigned button, unsigned long ms) {
  if (button >= PINS_BUTTONS || pins->buttons[button].down) return false;
  struct button *found = &pins->buttons[button];
  found->down = true;
  found->down_at = pins->avr->cycle;
  found->bounce_until = pins->avr->cycle + cycles(pins->avr, pins->bounce_ms);
  found->up_at = pins->avr->cycle + cycles(pins->avr, ms);
  found->held_ms = ms;
  printf("edge %lu %u 1\n", micros(pins->avr), button);
  drive(pins, button, true);
  return true;
}

static void step_button(struct pins *pins, unsigned i) {
  struct button *button = &pins->buttons[i];
  avr_cycle_count_t now = pins->avr->cycle;
  if (button->down && now >= button->up_at) {
    button->down = false;
    button->bounce_until = now + cycles(pins->avr, pins->bounce_ms);
    printf("edge %lu %u 0\n", micros(pins->avr), i);
    if (button->held_ms >= COUNTED_MS) pins->held++;
    drive(pins, i, false);
  } else if (now < button->bounce_until) {
    if ((unsigned)rand_r(&pins->seed) % 4 == 0) drive(pins, i, !button->closed);
  } else if (button->closed != button->down) {
    drive(pins, i, button->down);
  }
}

static unsigned outputs(const struct pins *pins) { return pins->avr->data[PORT_D] >> FIRST_OUTPUT & 7u; }

void pins_print(struct pins *pins, const char *word) {
  unsigned now = outputs(pins);
  printf("%s %lu %u %u %u\n", word, micros(pins->avr), now & 1u, now >> 1 & 1u, now >> 2 & 1u);
}

void pins_step(struct pins *pins) {
  for (unsigned i = 0; i < PINS_BUTTONS; i++) step_button(pins, i);
  if (outputs(pins) == pins->outputs) return;
  pins->outputs = outputs(pins);
  pins_print(pins, "pins");
}
