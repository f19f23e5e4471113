#include <string.h>

#include "cbor.h"
#include "check.h"
#include "frame.h"

static unsigned from_hex(const char *hex, uint8_t *bytes) {
  unsigned length = 0, byte;
  for (; hex[0] && hex[1] && sscanf(hex, "%2x", &byte) == 1; hex += 2) bytes[length++] = (uint8_t)byte;
  return length;
}

static enum frame_result reason_of(const char *word) {
  if (strcmp(word, "cobs") == 0) return FRAME_BAD_COBS;
  if (strcmp(word, "crc") == 0) return FRAME_BAD_CRC;
  if (strcmp(word, "short") == 0) return FRAME_SHORT;
  if (strcmp(word, "version") == 0) return FRAME_OTHER_VERSION;
  if (strcmp(word, "long") == 0) return FRAME_LONG;
  CHECK(strcmp(word, "payload") == 0);
  return FRAME_OK;
}

static enum frame_result judge(struct collector *collector, const uint8_t *wire, unsigned length, struct frame *frame) {
  collector_clear(collector);
  for (unsigned i = 0; i + 1 < length; i++) CHECK(!collector_take(collector, wire[i]));
  CHECK(collector_take(collector, wire[length - 1]));
  return collector->full ? FRAME_LONG : frame_decode(collector->bytes, collector->length, FRAME_TO_HOST_MAX, frame);
}

static void check_accepted(unsigned type, unsigned seq, unsigned present, const char *payload_hex, const uint8_t *wire, unsigned length) {
  static struct collector collector;
  struct frame frame;
  uint8_t payload[256], again[FRAME_WIRE_MAX];
  unsigned size = from_hex(payload_hex, payload);
  CHECK_EQUAL(judge(&collector, wire, length, &frame), FRAME_OK);
  CHECK_EQUAL(frame.type, type);
  CHECK_EQUAL(frame.seq, seq);
  CHECK_EQUAL(frame.length, size);
  CHECK(memcmp(frame.payload, payload, size) == 0);
  struct cbor_numbers found;
  CHECK(cbor_read(frame.payload, frame.length, &found));
  CHECK_EQUAL(found.present, present);
  CHECK_EQUAL(frame_encode(again, (uint8_t)type, (uint16_t)seq, payload, (uint8_t)size), length);
  CHECK(memcmp(again, wire, length) == 0);
}

// Lines on stdin: `accept TYPE SEQ PRESENT PAYLOAD WIRE` and `refuse REASON WIRE`.
void test_vectors(void) {
  char line[1024], word[16], reason[16], payload[512], wire_hex[512];
  unsigned type, seq, present, count = 0;
  static struct collector collector;
  struct frame frame;
  struct cbor_numbers found;
  uint8_t wire[256];
  for (; fgets(line, sizeof line, stdin) != NULL; count++) {
    CHECK(sscanf(line, "%15s", word) == 1);
    if (strcmp(word, "accept") == 0) {
      CHECK(sscanf(line, "%*s %u %u %u %511s %511s", &type, &seq, &present, payload, wire_hex) == 5);
      check_accepted(type, seq, present, payload, wire, from_hex(wire_hex, wire));
      continue;
    }
    CHECK(sscanf(line, "%*s %15s %511s", reason, wire_hex) == 2);
    enum frame_result result = judge(&collector, wire, from_hex(wire_hex, wire), &frame);
    CHECK_EQUAL(result, reason_of(reason));
    if (result == FRAME_OK) CHECK(!cbor_read(frame.payload, frame.length, &found));
  }
  CHECK(count >= 30);
}

// Every prefix, every byte changed, junk before, two merged.
void test_frames_cut(void) {
  static struct collector collector;
  struct frame frame;
  uint8_t payload[] = {0xA1, 0x00, 0x1A, 0xDE, 0xAD, 0xBE, 0xEF}, wire[2 * FRAME_WIRE_MAX], changed[FRAME_WIRE_MAX];
  uint8_t length = frame_encode(wire, 2, 0, payload, sizeof payload);
  for (unsigned cut = 0; cut + 1 < length; cut++) {
    memcpy(changed, wire, cut);
    changed[cut] = 0;
    CHECK(judge(&collector, changed, cut + 1, &frame) != FRAME_OK);
  }
  for (unsigned at = 0; at + 1 < length; at++) {
    for (unsigned value = 1; value < 256; value++) {
      memcpy(changed, wire, length);
      if (wire[at] == value) continue;
      changed[at] = (uint8_t)value;
      CHECK(judge(&collector, changed, length, &frame) != FRAME_OK);
    }
  }
  memmove(wire + length - 1, wire, length);  // the delimiter between them is lost
  CHECK(judge(&collector, wire, 2u * length - 1, &frame) != FRAME_OK);
  for (unsigned i = 0; i < 1000000; i++) CHECK(!collector_take(&collector, 0x55));
  CHECK(collector.full && collector.length <= sizeof collector.bytes);
  CHECK(judge(&collector, wire + length - 1, length, &frame) == FRAME_OK);
  uint8_t longest[FRAME_TO_HOST_MAX] = {0};
  CHECK(judge(&collector, wire, frame_encode(wire, 7, 1, longest, sizeof longest), &frame) == FRAME_OK);
  CHECK_EQUAL(frame.length, sizeof longest);
  CHECK(frame_decode(collector.bytes, 0, FRAME_TO_BOARD_MAX, &frame) == FRAME_EMPTY);
  frame_encode(wire, 7, 1, longest, FRAME_TO_BOARD_MAX + 1);
  CHECK(frame_decode(wire, FRAME_TO_BOARD_MAX + 8, FRAME_TO_BOARD_MAX, &frame) == FRAME_LONG);
}
