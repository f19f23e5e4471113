// Frames on the wire: 0x00-delimited COBS of `ver | type | seq u16le | CBOR | crc16le`. Pure: bytes in, bytes out.
#ifndef SIAGA_FRAME_H
#define SIAGA_FRAME_H
#include <stdbool.h>
#include <stdint.h>

enum {
  FRAME_PROTOCOL = 1,
  FRAME_HEAD = 4,
  FRAME_CRC = 2,
  FRAME_TO_HOST_MAX = 64,  // payload bytes
  FRAME_TO_BOARD_MAX = 48,
  FRAME_RAW_MAX = FRAME_HEAD + FRAME_TO_HOST_MAX + FRAME_CRC,
  FRAME_ENCODED_MAX = FRAME_RAW_MAX + 1,  // COBS adds one byte below 255
  FRAME_WIRE_MAX = FRAME_ENCODED_MAX + 1,  // and the delimiter
};

enum frame_result { FRAME_OK, FRAME_EMPTY, FRAME_BAD_COBS, FRAME_SHORT, FRAME_BAD_CRC, FRAME_OTHER_VERSION, FRAME_LONG };

struct frame {
  uint8_t version;
  uint8_t type;
  uint16_t seq;
  const uint8_t *payload;
  uint8_t length;  // of the payload
};

// CRC-16/CCITT-FALSE: start with crc 0xFFFF.
uint16_t crc16(uint16_t crc, const uint8_t *bytes, uint16_t length);

// Write a frame with its delimiter to wire (FRAME_WIRE_MAX bytes); the payload is at most FRAME_TO_HOST_MAX. Returns its length.
uint8_t frame_encode(uint8_t *wire, uint8_t type, uint16_t seq, const uint8_t *payload, uint8_t length);

// Judge what stood between two delimiters, and undo the COBS in place. The frame's payload points into bytes.
enum frame_result frame_decode(uint8_t *bytes, uint8_t length, uint8_t payload_max, struct frame *frame);

// Collects bytes up to a delimiter. More than a frame can have is thrown away up to the next delimiter.
struct collector {
  uint8_t bytes[FRAME_ENCODED_MAX];
  uint8_t length;
  bool full;
};

// True when byte ends a frame: bytes and length then hold it, or full says that it was too long. Clear with collector_clear.
bool collector_take(struct collector *collector, uint8_t byte);
void collector_clear(struct collector *collector);
#endif
