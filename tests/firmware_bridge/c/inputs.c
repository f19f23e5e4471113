#include "check.h"
#include "debounce.h"
#include "line.h"
#include "pattern.h"

void test_debounce(void) {
  struct debounce button = {0};
  for (unsigned i = 0; i < 1000; i++) CHECK(!debounce_sample(&button, i % 8 != 7));  // seven of eight: chatter
  CHECK(!debounce_sample(&button, false));
  for (unsigned i = 1; i <= DEBOUNCE_PRESS_MS; i++) CHECK_EQUAL(debounce_sample(&button, true), i == DEBOUNCE_PRESS_MS);
  for (unsigned i = 0; i < 1000; i++) CHECK(!debounce_sample(&button, i % 30 == 29));
  CHECK(button.down && !debounce_sample(&button, true));
  for (unsigned i = 1; i <= DEBOUNCE_RELEASE_MS; i++) {
    CHECK_EQUAL(debounce_sample(&button, false), i == DEBOUNCE_RELEASE_MS);
  }
  CHECK(!button.down);
}

void test_stuck(void) {
  struct debounce button = {0};
  for (unsigned i = 0; i < DEBOUNCE_PRESS_MS; i++) debounce_sample(&button, true);
  for (unsigned i = 0; i < 100000; i++) {
    CHECK_EQUAL(debounce_stuck(&button), i >= DEBOUNCE_STUCK_MS);
    debounce_sample(&button, true);
  }
  for (unsigned i = 0; i < DEBOUNCE_RELEASE_MS; i++) debounce_sample(&button, false);
  CHECK(!debounce_stuck(&button));
}

static unsigned edges(enum pattern pattern) {
  unsigned count = 0;
  for (unsigned ms = 1000; ms < 2000; ms++) count += pattern_level(pattern, ms) && !pattern_level(pattern, ms - 1);
  return count;
}

void test_pattern(void) {
  CHECK_EQUAL(edges(PATTERN_OFF), 0);
  CHECK_EQUAL(edges(PATTERN_SLOW), 1);
  CHECK_EQUAL(edges(PATTERN_FAST), 5);
  CHECK_EQUAL(edges(PATTERN_SOLID), 0);
  CHECK_EQUAL(edges(PATTERN_FLASHES), 3);
  CHECK(pattern_level(PATTERN_SOLID, 0) && !pattern_level(PATTERN_OFF, 0));
  CHECK(pattern_level(PATTERN_FAST, 99) && !pattern_level(PATTERN_FAST, 100));
}

// What stands at the end of the line, in ohms at the least and the most: 5 % of the resistors, a wire of up to 100 ohms.
static const struct state {
  const char *name;
  enum line_class class;
  double least, most;
} STATES[] = {
    {"short", LINE_SHORT, 0, 200},
    {"pressed", LINE_PRESSED, 0.95 * 4700 * 2200 / (4700 + 2200), 1.05 * 4700 * 2200 / (4700 + 2200) + 100},
    {"normal", LINE_NORMAL, 0.95 * 4700, 1.05 * 4700 + 100},
    {"open", LINE_OPEN, 100000, 1e9},
};

static double part(double ohm, double pull_up) { return ohm / (ohm + pull_up); }

// Whatever the supply: the converter divides by it. Noise of 10 of 1,023 on each reading.
void test_bands(void) {
  for (unsigned i = 0; i < 4; i++) {
    double least = part(STATES[i].least, 1.05 * LINE_PULL_UP_OHM), most = part(STATES[i].most, 0.95 * LINE_PULL_UP_OHM);
    printf("%s %.1f %.1f\n", STATES[i].name, 100 * least, 100 * most);
    for (double supply = 4.5; supply <= 5.5; supply += 0.1) {
      for (double at = 0; at <= 1; at += 0.05) {
        struct line line;
        line_init(&line);
        double volts = (least + (most - least) * at) * supply;
        unsigned changes = 0;
        for (unsigned ms = 0; ms < 2000; ms += 2) {
          int reading = (int)(volts / supply * LINE_FULL + 0.5) + (int)(dice() % 21) - 10;
          changes += line_sample(&line, (uint16_t)(reading < 0 ? 0 : reading), 2);
        }
        CHECK_EQUAL(line.believed, STATES[i].class);
        CHECK_EQUAL(changes, 1);
      }
    }
  }
}

static unsigned ms_until_believed(struct line *line, uint16_t reading) {
  for (unsigned ms = 2; ms < 5000; ms += 2) {
    if (line_sample(line, reading, 2)) return ms;
  }
  return 0;
}

void test_line_times(void) {
  struct line line;
  line_init(&line);
  CHECK(ms_until_believed(&line, 512) <= 60);
  unsigned pressed = ms_until_believed(&line, 248), fault = ms_until_believed(&line, 1023);
  CHECK(pressed >= 50 && pressed <= 100);
  CHECK(line.believed == LINE_OPEN && fault >= 500 && fault <= 600);
  CHECK(ms_until_believed(&line, 512) <= 100);
  for (unsigned i = 0; i < 1000; i++) CHECK(!line_sample(&line, i % 20 == 19 ? 0 : 512, 2));  // a spike each 40 ms
  for (unsigned i = 0; i < 200; i++) CHECK(!line_sample(&line, 0, 2));  // a short of 400 ms is none
  CHECK(!line_sample(&line, 512, 2));
}
