#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

// Half of what goes wrong is lost, half has a bit flipped. False: lost.
static bool spoil(struct wire *wire, unsigned char *byte) {
  if (wire->cut) return false;
  if (wire->per_mille == 0 || (unsigned)rand_r(&wire->seed) % 1000 >= wire->per_mille) return true;
  unsigned dice = (unsigned)rand_r(&wire->seed);
  *byte ^= (unsigned char)(1u << (dice >> 4) % 8);
  return dice & 1;
}

// The board begins to send a byte: it has left a byte's time later.
static void on_output(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq;
  struct wire *wire = param;
  unsigned char byte = (unsigned char)value;
  if (wire->frame_length < sizeof wire->frame) wire->frame[wire->frame_length++] = byte;
  if (byte == 0) {
    printf("frame %lu ", (unsigned long)(avr_cycles_to_nsec(wire->avr, wire->avr->cycle + wire->byte_cycles) / 1000));
    for (unsigned i = 0; i + 1 < wire->frame_length; i++) printf("%02x", wire->frame[i]);
    printf("\n");
    wire->frame_length = 0;
  }
  // When nobody reads, the pty is full at some time, and what comes is lost as on a real line.
  if (!spoil(wire, &byte)) return;
  if (write(wire->master, &byte, 1) == 1) wire->given++;
  else if (errno != EAGAIN) perror("simhost: pty");
}

void wire_open(struct wire *wire, avr_t *avr) {
  memset(wire, 0, sizeof *wire);
  wire->avr = avr;
  wire->byte_cycles = avr->frequency / 11764;
  wire->input = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
  uint32_t flags = 0;
  avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_output, wire);
  char path[64];
  struct termios raw;
  memset(&raw, 0, sizeof raw);
  cfmakeraw(&raw);
  if (openpty(&wire->master, &wire->slave, path, &raw, NULL) < 0 || fcntl(wire->master, F_SETFL, O_NONBLOCK) < 0) {
    perror("simhost: no pty");
    exit(1);
  }
  printf("pty %s\n", path);
}

bool wire_queue(struct wire *wire, unsigned char byte) {
  if (wire->length == WIRE_QUEUE) return false;
  wire->queue[(wire->head + wire->length++) % WIRE_QUEUE] = byte;
  return true;
}

void wire_poll(struct wire *wire) {
  unsigned char byte;
  while (wire->length < WIRE_QUEUE && read(wire->master, &byte, 1) == 1) {
    wire->taken++;
    wire_queue(wire, byte);
  }
}

bool wire_await(struct wire *wire, unsigned long taken) {
  struct pollfd input = {.fd = wire->master, .events = POLLIN};
  for (int tries = 0; tries < 50 && wire->taken < taken && wire->length < WIRE_QUEUE; tries++) {
    poll(&input, 1, 100);
    wire_poll(wire);
  }
  return wire->taken >= taken;
}

void wire_step(struct wire *wire) {
  if (wire->length == 0 || wire->avr->cycle < wire->next_at) return;
  unsigned char byte = wire->queue[wire->head];
  wire->head = (wire->head + 1) % WIRE_QUEUE;
  wire->length--;
  bool behind = wire->next_at + 2 * wire->byte_cycles > wire->avr->cycle;
  wire->next_at = (behind ? wire->next_at : wire->avr->cycle) + wire->byte_cycles;
  if (spoil(wire, &byte)) avr_raise_irq(wire->input, byte);
}
