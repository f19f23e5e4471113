#include "cbor.h"

enum { UNSIGNED = 0x00, BYTES = 0x40, TEXT = 0x60, ARRAY = 0x80, MAP = 0xA0, KIND = 0xE0, SHORT = 0x1F };

static void put(struct cbor_writer *writer, uint8_t byte) {
  if (writer->length < writer->size) {
    writer->bytes[writer->length++] = byte;
  } else {
    writer->full = true;
  }
}

static void head(struct cbor_writer *writer, uint8_t kind, uint32_t value) {
  uint8_t more = value < 24 ? 0 : value <= 0xFF ? 1 : value <= 0xFFFF ? 2 : 4;
  put(writer, (uint8_t)(kind | (more == 0 ? (uint8_t)value : more == 1 ? 24 : more == 2 ? 25 : 26)));
  while (more > 0) put(writer, (uint8_t)(value >> (8 * --more)));
}

void cbor_map(struct cbor_writer *writer, uint8_t pairs) { head(writer, MAP, pairs); }
void cbor_array(struct cbor_writer *writer, uint8_t items) { head(writer, ARRAY, items); }
void cbor_uint(struct cbor_writer *writer, uint32_t value) { head(writer, UNSIGNED, value); }

void cbor_text(struct cbor_writer *writer, const char *text) {
  uint8_t length = 0;
  while (length < 23 && text[length] != 0) length++;
  head(writer, TEXT, length);
  for (uint8_t i = 0; i < length; i++) put(writer, (uint8_t)text[i]);
}

void cbor_bytes(struct cbor_writer *writer, const uint8_t *bytes, uint8_t length) {
  head(writer, BYTES, length);
  for (uint8_t i = 0; i < length; i++) put(writer, bytes[i]);
}

void cbor_pair(struct cbor_writer *writer, uint8_t key, uint32_t value) {
  cbor_uint(writer, key);
  cbor_uint(writer, value);
}

struct reader {
  const uint8_t *bytes;
  uint8_t length;
  uint8_t at;
};

static bool take_head(struct reader *reader, uint8_t kind, uint32_t *value) {
  if (reader->at >= reader->length) return false;
  uint8_t first = reader->bytes[reader->at++];
  uint8_t low = first & SHORT;
  if ((first & KIND) != kind || low > 26) return false;
  if (low < 24) {
    *value = low;
    return true;
  }
  uint8_t more = (uint8_t)(1u << (low - 24));
  if (more > reader->length - reader->at) return false;
  *value = 0;
  for (uint8_t i = 0; i < more; i++) *value = (*value << 8) | reader->bytes[reader->at++];
  return *value >= (more == 1 ? 24u : more == 2 ? 0x100u : 0x10000u);  // only the shortest form is one
}

// A value that is no number: a text, bytes or a list of numbers. It is passed over.
static bool skip(struct reader *reader) {
  uint8_t kind = reader->bytes[reader->at] & KIND;
  uint32_t count, item;
  if ((kind != BYTES && kind != TEXT && kind != ARRAY) || !take_head(reader, kind, &count)) return false;
  if (count > (uint8_t)(reader->length - reader->at)) return false;
  for (; count > 0; count--) {
    if (kind == ARRAY) {
      if (!take_head(reader, UNSIGNED, &item)) return false;
    } else if (reader->bytes[reader->at++] > 0x7F && kind == TEXT) {
      return false;  // what is told to a board is ASCII
    }
  }
  return true;
}

bool cbor_read(const uint8_t *bytes, uint8_t length, struct cbor_numbers *numbers) {
  struct reader reader = {bytes, length, 0};
  numbers->present = 0;
  uint32_t pairs;
  uint8_t least = 0;
  if (!take_head(&reader, MAP, &pairs) || pairs > CBOR_ALL_KEYS) return false;
  for (; pairs > 0; pairs--) {
    uint32_t key, value;
    if (!take_head(&reader, UNSIGNED, &key) || key < least || key >= CBOR_ALL_KEYS || reader.at >= reader.length) return false;
    least = (uint8_t)(key + 1);
    if ((reader.bytes[reader.at] & KIND) != UNSIGNED) {
      if (!skip(&reader)) return false;
      continue;
    }
    if (!take_head(&reader, UNSIGNED, &value)) return false;
    if (key >= CBOR_KEYS) continue;
    numbers->present = (uint8_t)(numbers->present | 1u << key);
    numbers->value[key] = value;
  }
  return reader.at == length;
}
