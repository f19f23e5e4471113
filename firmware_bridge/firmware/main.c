// The board's hardware: an ATmega328P at 16 MHz (Arduino Uno or Nano). What it does is board.c's.
//
//   D2, D3  buttons to ground      A0, A1  supervised lines      D0, D1  UART, 115,200 baud 8N1
//   D5, D6  lamps                  D7      siren
//
// Interrupts only move bytes and count; the loop does the rest and sleeps until the next one.
#include <avr/eeprom.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#include "board.h"

enum { TX_SIZE = 128, RX_SIZE = 64 };  // powers of two
enum { BUTTON_PINS = 1 << PD2 | 1 << PD3, OUTPUT_PINS = 1 << PD5 | 1 << PD6 | 1 << PD7 };
enum { UBRR_115200 = 16 };  // at double speed: 117,647 baud, 2.1 % above

// What flash.py finds in the image before it gives it to a board.
extern const char identity[];
const char identity[] PROGMEM __attribute__((used)) = "siaga-firmware " BOARD_NAME " " BOARD_FIRMWARE " protocol 1";
_Static_assert(FRAME_PROTOCOL == 1, "as the identity says");

static struct board board;
static uint8_t cause __attribute__((section(".noinit")));

static volatile uint8_t tx[TX_SIZE], rx[RX_SIZE];
static volatile uint8_t tx_in, tx_out, rx_in, rx_out;
static volatile uint32_t clock_ms;
static volatile uint16_t readings[BOARD_LINES];
static volatile uint8_t fresh;  // a bit for each line with a reading not yet taken
static volatile uint8_t channel;

// A watchdog that has bitten goes on with its shortest time; it is stopped before anything takes long.
__attribute__((naked, used, section(".init3"))) static void first(void) {
  cause = MCUSR;
  MCUSR = 0;
  wdt_disable();
}

ISR(TIMER0_COMPA_vect) {
  clock_ms++;
  channel = clock_ms & 1u;
  ADMUX = (uint8_t)(1 << REFS0 | channel);  // the supply is the reference
  ADCSRA |= 1 << ADSC;
}

ISR(ADC_vect) {
  readings[channel] = ADC;
  fresh |= (uint8_t)(1 << channel);
}

ISR(USART_RX_vect) {
  uint8_t byte = UDR0;
  uint8_t next = (uint8_t)((rx_in + 1) % RX_SIZE);
  if (next == rx_out) return;  // the frame's CRC will tell
  rx[rx_in] = byte;
  rx_in = next;
}

ISR(USART_UDRE_vect) {
  if (tx_out == tx_in) {
    UCSR0B &= (uint8_t) ~(1 << UDRIE0);
    return;
  }
  UDR0 = tx[tx_out];
  tx_out = (uint8_t)((tx_out + 1) % TX_SIZE);
}

static uint32_t now(void) {
  cli();
  uint32_t ms = clock_ms;
  sei();
  return ms;
}

static uint8_t eeprom_byte(uint16_t address) { return eeprom_read_byte((const uint8_t *)address); }

// Starts a write and returns. Where a byte is written it was erased before, so each takes half of the usual time.
static void eeprom_start(uint16_t address, uint8_t value) {
  EEAR = address;
  EEDR = value;
  cli();
  EECR = value == 0xFF ? 1 << EEPM0 : 1 << EEPM1;
  EECR |= 1 << EEMPE;
  EECR |= 1 << EEPE;
  sei();
}

static void keep_journal(void) {
  static bool writing;
  if (EECR & 1 << EEPE) return;
  if (writing) board_written(&board);
  uint16_t address;
  uint8_t value;
  writing = journal_next(&board.journal, &address, &value);
  if (writing) eeprom_start(address, value);
}

static void take_readings(uint32_t now_ms) {
  for (uint8_t i = 0; i < BOARD_LINES; i++) {
    cli();
    bool is_fresh = fresh & 1 << i;
    fresh &= (uint8_t) ~(1 << i);
    uint16_t reading = readings[i];
    sei();
    if (is_fresh) board_reading(&board, i, reading, now_ms);
  }
}

static uint8_t tx_room(void) { return (uint8_t)(TX_SIZE - 1 - (uint8_t)(tx_in - tx_out) % TX_SIZE); }

static void send(uint32_t now_ms) {
  uint8_t wire[FRAME_WIRE_MAX];
  while (tx_room() >= FRAME_WIRE_MAX) {
    uint8_t length = board_send(&board, wire, now_ms);
    if (length == 0) return;
    for (uint8_t i = 0; i < length; i++) {
      tx[tx_in] = wire[i];
      tx_in = (uint8_t)((tx_in + 1) % TX_SIZE);
    }
    UCSR0B |= 1 << UDRIE0;
  }
}

static void start_hardware(void) {
  DDRD = OUTPUT_PINS;
  PORTD = BUTTON_PINS;  // pull-ups
  DIDR0 = 1 << ADC0D | 1 << ADC1D;
  UBRR0 = UBRR_115200;
  UCSR0A = 1 << U2X0;
  UCSR0C = 1 << UCSZ01 | 1 << UCSZ00;
  UCSR0B = 1 << RXEN0 | 1 << TXEN0 | 1 << RXCIE0;
  TCCR0A = 1 << WGM01;
  OCR0A = 249;
  TCCR0B = 1 << CS01 | 1 << CS00;  // 16 MHz / 64 / 250
  TIMSK0 = 1 << OCIE0A;
  ADCSRA = 1 << ADEN | 1 << ADIE | 1 << ADPS2 | 1 << ADPS1 | 1 << ADPS0;
  set_sleep_mode(SLEEP_MODE_IDLE);
  wdt_enable(WDTO_2S);
}

static void reset(void) {
  cli();
  wdt_enable(WDTO_15MS);
  for (;;) continue;
}

int main(void) {
  board_open(&board, eeprom_byte, cause, 0);
  start_hardware();
  // A zero first: it ends the frame that a reset cut off, which would swallow the hello.
  tx_in = 1;
  UCSR0B |= 1 << UDRIE0;
  sei();
  uint32_t done_ms = 0;
  for (;;) {
    wdt_reset();
    uint32_t now_ms = now();
    while (rx_out != rx_in) {
      uint8_t byte = rx[rx_out];
      rx_out = (uint8_t)((rx_out + 1) % RX_SIZE);
      board_byte(&board, byte, now_ms);
    }
    keep_journal();
    take_readings(now_ms);
    while (done_ms != now_ms) board_tick(&board, (uint8_t)(~PIND & BUTTON_PINS) >> PD2, ++done_ms);
    PORTD = (uint8_t)(BUTTON_PINS | board_outputs(&board, now_ms) << PD5);
    send(now_ms);
    if (board.reset_due && tx_in == tx_out && (UCSR0A & 1 << UDRE0) && !(EECR & 1 << EEPE)) reset();
    cli();
    if (rx_in == rx_out && clock_ms == now_ms) {
      sleep_enable();
      sei();
      sleep_cpu();
      sleep_disable();
    }
    sei();
  }
}
