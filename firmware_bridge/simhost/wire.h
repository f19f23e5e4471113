// The serial line between the simulated board and a pty, with what can go wrong on it.
#ifndef SIAGA_WIRE_H
#define SIAGA_WIRE_H
#include <simavr/sim_avr.h>
#include <stdbool.h>

enum { WIRE_QUEUE = 4096 };

struct wire {
  avr_t *avr;
  avr_irq_t *input;
  int master, slave;  // the slave stays open, so that a reader may come and go
  unsigned long given, taken;  // bytes: to the pty, from it
  bool cut;
  unsigned per_mille;  // of bytes that are changed or lost
  unsigned seed;
  avr_cycle_count_t byte_cycles;
  avr_cycle_count_t next_at;
  unsigned char queue[WIRE_QUEUE];  // to the board
  unsigned head, length;
  unsigned char frame[256];
  unsigned frame_length;
};

// Open the pty and listen to the board's UART; prints `pty PATH`. Exits with a message when there is none.
void wire_open(struct wire *wire, avr_t *avr);
// Take what the pty holds, as far as there is room.
void wire_poll(struct wire *wire);
// Take from the pty until it gave so many bytes since the start: the kernel passes them on when it has time. False: it
// did not within 5 s, or there is no room.
bool wire_await(struct wire *wire, unsigned long taken);
// Queue a byte to the board, as if it had come from the pty. False: no room.
bool wire_queue(struct wire *wire, unsigned char byte);
// Give the board the next byte when its time has come.
void wire_step(struct wire *wire);
#endif
