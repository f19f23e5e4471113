#include "frame.h"

uint16_t crc16(uint16_t crc, const uint8_t *bytes, uint16_t length) {
  for (uint16_t i = 0; i < length; i++) {
    crc = (uint16_t)(crc ^ (uint16_t)((uint16_t)bytes[i] << 8));
    for (uint8_t bit = 0; bit < 8; bit++) {
      crc = (crc & 0x8000u) ? (uint16_t)((uint16_t)(crc << 1) ^ 0x1021u) : (uint16_t)(crc << 1);
    }
  }
  return crc;
}

uint8_t frame_encode(uint8_t *wire, uint8_t type, uint16_t seq, const uint8_t *payload, uint8_t length) {
  uint8_t raw[FRAME_RAW_MAX];
  raw[0] = FRAME_PROTOCOL;
  raw[1] = type;
  raw[2] = (uint8_t)(seq & 0xFFu);
  raw[3] = (uint8_t)(seq >> 8);
  uint8_t end = FRAME_HEAD;
  for (uint8_t i = 0; i < length; i++) raw[end++] = payload[i];
  uint16_t crc = crc16(0xFFFF, raw, end);
  raw[end++] = (uint8_t)(crc & 0xFFu);
  raw[end++] = (uint8_t)(crc >> 8);

  uint8_t out = 0;
  uint8_t code_at = out++;
  uint8_t code = 1;
  for (uint8_t i = 0; i < end; i++) {
    if (raw[i] == 0) {
      wire[code_at] = code;
      code_at = out++;
      code = 1;
    } else {
      wire[out++] = raw[i];
      code++;
    }
  }
  wire[code_at] = code;
  wire[out++] = 0;
  return out;
}

// In place: what is written never passes what is read. False for what is no COBS.
static bool cobs_undo(uint8_t *bytes, uint8_t length, uint8_t *raw) {
  uint8_t in = 0, out = 0;
  while (in < length) {
    uint8_t code = bytes[in++];
    if (code == 0 || code - 1 > length - in) return false;
    for (uint8_t i = 1; i < code; i++) {
      if (bytes[in] == 0) return false;
      bytes[out++] = bytes[in++];
    }
    if (code != 0xFF && in < length) bytes[out++] = 0;
  }
  *raw = out;
  return true;
}

enum frame_result frame_decode(uint8_t *bytes, uint8_t length, uint8_t payload_max, struct frame *frame) {
  if (length == 0) return FRAME_EMPTY;
  if (length > FRAME_ENCODED_MAX) return FRAME_LONG;
  uint8_t raw;
  if (!cobs_undo(bytes, length, &raw)) return FRAME_BAD_COBS;
  if (raw < FRAME_HEAD + FRAME_CRC) return FRAME_SHORT;
  uint8_t end = (uint8_t)(raw - FRAME_CRC);
  uint16_t told = (uint16_t)(bytes[end] | (uint16_t)((uint16_t)bytes[end + 1] << 8));
  if (crc16(0xFFFF, bytes, end) != told) return FRAME_BAD_CRC;
  if (bytes[0] != FRAME_PROTOCOL) return FRAME_OTHER_VERSION;
  frame->version = bytes[0];
  frame->type = bytes[1];
  frame->seq = (uint16_t)(bytes[2] | (uint16_t)((uint16_t)bytes[3] << 8));
  frame->payload = bytes + FRAME_HEAD;
  frame->length = (uint8_t)(end - FRAME_HEAD);
  return frame->length > payload_max ? FRAME_LONG : FRAME_OK;
}

bool collector_take(struct collector *collector, uint8_t byte) {
  if (byte == 0) return true;
  if (collector->length == sizeof collector->bytes) collector->full = true;
  if (!collector->full) collector->bytes[collector->length++] = byte;
  return false;
}

void collector_clear(struct collector *collector) {
  collector->length = 0;
  collector->full = false;
}
