// What a lamp or a siren does at a moment. Pure.
#ifndef SIAGA_PATTERN_H
#define SIAGA_PATTERN_H
#include <stdbool.h>
#include <stdint.h>

enum pattern { PATTERN_OFF, PATTERN_SLOW, PATTERN_FAST, PATTERN_SOLID, PATTERN_FLASHES, PATTERN_COUNT };

// since_ms: how long the pattern has run.
bool pattern_level(enum pattern pattern, uint32_t since_ms);
#endif
