// The little of CBOR (RFC 8949) that the protocol needs: maps with small whole numbers as keys. Pure.
#ifndef SIAGA_CBOR_H
#define SIAGA_CBOR_H
#include <stdbool.h>
#include <stdint.h>

// What does not fit is left out, and `full` says so.
struct cbor_writer {
  uint8_t *bytes;
  uint8_t size;
  uint8_t length;
  bool full;
};

void cbor_map(struct cbor_writer *writer, uint8_t pairs);
void cbor_array(struct cbor_writer *writer, uint8_t items);
void cbor_uint(struct cbor_writer *writer, uint32_t value);
void cbor_text(struct cbor_writer *writer, const char *text);  // at most 23 bytes
void cbor_bytes(struct cbor_writer *writer, const uint8_t *bytes, uint8_t length);
void cbor_pair(struct cbor_writer *writer, uint8_t key, uint32_t value);  // a key and a whole number

enum { CBOR_KEYS = 8, CBOR_ALL_KEYS = 24 };  // those that mean something here, and those there are

// What a frame from the host says: whole numbers under the keys 0 to 7.
struct cbor_numbers {
  uint32_t value[CBOR_KEYS];
  uint8_t present;  // a bit for each key
};

// Read one map that fills the bytes exactly, its keys 0 to 23 and ascending, its values whole numbers below 2^32, texts in
// ASCII, bytes and lists of such numbers, all in the shortest form. False for anything else. What is no number, or under a
// key from 8 on, is passed over.
bool cbor_read(const uint8_t *bytes, uint8_t length, struct cbor_numbers *numbers);
#endif
