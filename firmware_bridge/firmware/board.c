#include "board.h"

#include <string.h>

static const char FIRMWARE[] = BOARD_FIRMWARE;
static const char BOARD[] = BOARD_NAME;

void board_open(struct board *board, uint8_t (*read)(uint16_t address), uint8_t cause, uint32_t now_ms) {
  memset(board, 0, sizeof *board);
  journal_open(&board->journal, read);
  for (uint8_t i = 0; i < BOARD_LINES; i++) line_init(&board->lines[i]);
  const struct journal_state *state = &board->journal.state;
  board->acknowledged = state->ever - state->waiting;
  board->first_here = state->ever + 1;
  // A button that was down before the reset and still is, is no new press.
  board->told_down = state->down;
  for (uint8_t i = 0; i < BOARD_BUTTONS; i++) board->buttons[i].down = (state->down >> i) & 1u;
  board->boots = (uint16_t)(state->boots + 1u);
  board->cause = cause;
  board->heard_ms = now_ms;
  board->hello_ms = now_ms;
  board->hello_due = true;
}

uint16_t board_waiting(const struct board *board) { return (uint16_t)(board->journal.state.ever - board->acknowledged); }

// The oldest makes room: what is told each second in the beat says the rest.
static void note_event(struct board *board, uint8_t kind, uint8_t index, uint8_t value, uint32_t at_ms) {
  if (board->event_count == BOARD_EVENTS) {
    board->event_count--;
    memmove(board->events, board->events + 1, board->event_count * sizeof board->events[0]);
  }
  uint32_t boots = board->boots & 0x7FFFu;
  board->events[board->event_count++] = (struct event){
      .number = 0x80000000u | boots << 16 | board->event_number++, .at_ms = at_ms, .kind = kind, .index = index, .value = value};
}

static void sample_button(struct board *board, uint8_t i, bool down, uint32_t now_ms) {
  struct debounce *button = &board->buttons[i];
  uint8_t bit = (uint8_t)(1u << i);
  debounce_sample(button, down);
  bool told = board->told_down & bit;
  if (button->down && !told && board->coming < JOURNAL_FIFO && journal_press(&board->journal, i)) {
    board->coming_ms[board->coming++] = now_ms - DEBOUNCE_PRESS_MS;
    board->told_down |= bit;
  } else if (!button->down && told && journal_release(&board->journal, i)) {
    note_event(board, EVENT_RELEASE, i, 0, now_ms - DEBOUNCE_RELEASE_MS);
    board->told_down &= (uint8_t)~bit;
  }
  bool stuck = debounce_stuck(button);
  if (stuck == ((board->told_stuck & bit) != 0)) return;
  board->told_stuck ^= bit;
  note_event(board, EVENT_STUCK, i, stuck, now_ms);
}

void board_tick(struct board *board, uint8_t down, uint32_t now_ms) {
  for (uint8_t i = 0; i < BOARD_BUTTONS; i++) sample_button(board, i, (down >> i) & 1u, now_ms);
  for (uint8_t i = 0; i < BOARD_SIRENS; i++) {
    if (!(board->siren_ends >> i & 1u) || (int32_t)(now_ms - board->siren_end_ms[i]) < 0) continue;
    board->siren_ends = (uint8_t)(board->siren_ends & ~(1u << i));
    board->patterns[BOARD_LAMPS + i] = PATTERN_OFF;
  }
  if (board->session && now_ms - board->heard_ms >= BOARD_ALONE_MS) {
    board->session = false;
    board->hello_ms = now_ms - BOARD_HELLO_MS;
  }
  if (!board->session && now_ms - board->hello_ms >= BOARD_HELLO_MS) board->hello_due = true;
  if (board->session && now_ms - board->beat_ms >= BOARD_BEAT_MS) board->beat_due = true;
}

void board_reading(struct board *board, uint8_t line, uint16_t reading, uint32_t now_ms) {
  if (line_sample(&board->lines[line], reading, BOARD_LINE_MS)) {
    note_event(board, EVENT_LINE, line, (uint8_t)board->lines[line].believed, now_ms);
  }
}

void board_written(struct board *board) {
  if (!journal_done(&board->journal)) return;
  uint8_t slot = (uint8_t)(board->journal.state.ever % BOARD_WINDOW);
  board->edge_ms[slot] = board->coming_ms[0];
  board->coming--;
  memmove(board->coming_ms, board->coming_ms + 1, board->coming * sizeof board->coming_ms[0]);
}

static void acknowledge(struct board *board, uint32_t number) {
  uint32_t ahead = number - board->acknowledged - 1;
  if (number <= board->journal.state.ever && ahead < BOARD_WINDOW) {
    board->window = (uint8_t)(board->window | 1u << ahead);
    uint16_t passed = 0;
    while (board->window & 1u) {
      board->window >>= 1;
      board->acknowledged++;
      board->press_sent &= (uint8_t)~(1u << (board->acknowledged % BOARD_WINDOW));
      passed++;
    }
    journal_acknowledge(&board->journal, passed);
  }
  for (uint8_t i = 0; i < board->event_count; i++) {
    if (board->events[i].number != number) continue;
    board->event_count--;
    memmove(board->events + i, board->events + i + 1, (uint8_t)(board->event_count - i) * sizeof board->events[0]);
    break;
  }
}

static uint8_t obey(struct board *board, const uint32_t *words, uint16_t *value, uint32_t now_ms) {
  uint32_t index = words[2];
  uint8_t most = words[1] == COMMAND_LAMP ? BOARD_LAMPS : words[1] == COMMAND_SIREN ? BOARD_SIRENS : BOARD_LINES;
  if (words[1] < COMMAND_LAMP || words[1] > COMMAND_RESET) return RESULT_NO_SUCH_KIND;
  if (words[1] == COMMAND_RESET) {
    board->reset_due = true;
    return RESULT_DONE;
  }
  if (index >= most) return RESULT_NO_SUCH_INDEX;
  if (words[1] == COMMAND_READ) {
    *value = line_per_mille(&board->lines[index]);
    return RESULT_DONE;
  }
  bool siren = words[1] == COMMAND_SIREN;
  // A siren's value: the pattern, and above its eight bits the seconds until it is silent, 0 for no end.
  uint32_t pattern = siren ? words[3] & 0xFFu : words[3], seconds = siren ? words[3] >> 8 : 0;
  if (pattern >= PATTERN_COUNT || seconds > BOARD_SIREN_MAX_S) return RESULT_NO_SUCH_VALUE;
  uint8_t output = (uint8_t)(index + (siren ? BOARD_LAMPS : 0));
  if (siren) {
    board->siren_end_ms[index] = now_ms + seconds * 1000u;
    board->siren_ends = (uint8_t)((board->siren_ends & ~(1u << index)) | (uint8_t)((seconds > 0) << index));
  }
  // Told again, a pattern goes on without a jump.
  if (board->patterns[output] != pattern) board->since_ms[output] = now_ms;
  board->patterns[output] = (enum pattern)pattern;
  *value = (uint16_t)pattern;
  return RESULT_DONE;
}

static void take_command(struct board *board, const struct cbor_numbers *numbers, uint32_t now_ms) {
  // Without room for the answer it is as if it had not come; the host asks again.
  if ((numbers->present & 0x0F) != 0x0F || numbers->value[0] > UINT16_MAX || board->answer_count == BOARD_ANSWERS) return;
  struct answer *answer = &board->answers[board->answer_count++];
  answer->id = (uint16_t)numbers->value[0];
  answer->value = 0;
  answer->result = obey(board, numbers->value, &answer->value, now_ms);
}

static void take_frame(struct board *board, const struct frame *frame, uint32_t now_ms) {
  struct cbor_numbers numbers;
  if (!cbor_read(frame->payload, frame->length, &numbers)) return;
  bool first = numbers.present & 1u;
  switch (frame->type) {
    case HELLO_ACK:
      if (!first) return;
      if (!board->session) board->beat_ms = now_ms - BOARD_BEAT_MS;
      board->session = true;
      board->hello_due = false;
      break;
    case EVENT_ACK:
      if (first) acknowledge(board, numbers.value[0]);
      break;
    case COMMAND:
      take_command(board, &numbers, now_ms);
      break;
    case PING:
      board->beat_due = true;
      break;
    case HELLO:  // a host that started anew asks who is here
      board->hello_due = true;
      break;
    default:
      return;
  }
  board->heard_ms = now_ms;
}

void board_byte(struct board *board, uint8_t byte, uint32_t now_ms) {
  struct collector *collector = &board->collector;
  if (!collector_take(collector, byte)) return;
  struct frame frame = {0};
  bool right = !collector->full && frame_decode(collector->bytes, collector->length, FRAME_TO_BOARD_MAX, &frame) == FRAME_OK;
  if (right) take_frame(board, &frame, now_ms);
  collector_clear(collector);
}

static uint8_t seal(struct board *board, uint8_t *wire, enum message type, const struct cbor_writer *payload) {
  return frame_encode(wire, (uint8_t)type, board->seq++, payload->bytes, payload->length);
}

static uint8_t send_hello(struct board *board, uint8_t *wire, struct cbor_writer *payload, uint32_t now_ms) {
  board->hello_due = false;
  board->hello_ms = now_ms;
  cbor_map(payload, 6);
  cbor_pair(payload, 0, FRAME_PROTOCOL);
  cbor_uint(payload, 1);
  cbor_text(payload, FIRMWARE);
  cbor_uint(payload, 2);
  cbor_text(payload, BOARD);
  cbor_uint(payload, 3);
  cbor_array(payload, 4);
  cbor_uint(payload, BOARD_BUTTONS);
  cbor_uint(payload, BOARD_LINES);
  cbor_uint(payload, BOARD_LAMPS);
  cbor_uint(payload, BOARD_SIRENS);
  cbor_pair(payload, 4, board->boots);
  cbor_pair(payload, 5, board->cause);
  return seal(board, wire, HELLO, payload);
}

static uint8_t send_beat(struct board *board, uint8_t *wire, struct cbor_writer *payload, uint32_t now_ms) {
  board->beat_due = false;
  board->beat_ms = now_ms;
  uint8_t classes[BOARD_LINES];
  for (uint8_t i = 0; i < BOARD_LINES; i++) {
    // Until a class has settled after the boot, what the last reading says; nothing was read in the first milliseconds only.
    const struct line *line = &board->lines[i];
    enum line_class now = line->believed != LINE_UNKNOWN ? line->believed : line->seen;
    classes[i] = (uint8_t)(now != LINE_UNKNOWN ? now : LINE_OPEN);
  }
  cbor_map(payload, 5);
  cbor_pair(payload, 0, now_ms);
  cbor_uint(payload, 1);
  cbor_bytes(payload, classes, BOARD_LINES);
  cbor_pair(payload, 2, board->told_down);
  cbor_pair(payload, 3, (uint32_t)board_waiting(board) + board->event_count);
  cbor_pair(payload, 4, board->journal.state.ever);
  return seal(board, wire, BEAT, payload);
}

// age_known: at_ms says when it happened.
static uint8_t send_event(struct board *board, uint8_t *wire, struct cbor_writer *payload, const struct event *event, bool age_known,
                          uint32_t now_ms) {
  cbor_map(payload, age_known ? 6 : 5);
  cbor_pair(payload, 0, event->number);
  cbor_pair(payload, 1, event->kind);
  cbor_pair(payload, 2, event->index);
  cbor_pair(payload, 3, event->value);
  if (age_known) cbor_pair(payload, 4, now_ms - event->at_ms);
  cbor_pair(payload, 5, now_ms);
  return seal(board, wire, EVENT, payload);
}

static bool is_due(bool sent, uint16_t sent_ms, uint32_t now_ms) {
  return !sent || (uint16_t)((uint16_t)now_ms - sent_ms) >= BOARD_RESEND_MS;
}

static uint8_t send_press(struct board *board, uint8_t *wire, struct cbor_writer *payload, uint32_t now_ms) {
  uint32_t ever = board->journal.state.ever;
  for (uint8_t i = 0; i < BOARD_WINDOW && board->acknowledged + 1 + i <= ever; i++) {
    uint32_t number = board->acknowledged + 1 + i;
    uint8_t slot = (uint8_t)(number % BOARD_WINDOW), bit = (uint8_t)(1u << slot);
    if ((board->window >> i & 1u) || !is_due(board->press_sent & bit, board->press_sent_ms[slot], now_ms)) continue;
    board->press_sent |= bit;
    board->press_sent_ms[slot] = (uint16_t)now_ms;
    bool age_known = number >= board->first_here && number + BOARD_WINDOW > ever;
    struct event press = {.number = number,
                          .kind = EVENT_PRESS,
                          .index = journal_button(&board->journal, number),
                          .value = 1,
                          .at_ms = board->edge_ms[slot]};
    return send_event(board, wire, payload, &press, age_known, now_ms);
  }
  return 0;
}

uint8_t board_send(struct board *board, uint8_t *wire, uint32_t now_ms) {
  uint8_t bytes[FRAME_TO_HOST_MAX];
  struct cbor_writer payload = {.bytes = bytes, .size = sizeof bytes};
  if (board->session) {
    uint8_t length = send_press(board, wire, &payload, now_ms);
    if (length > 0) return length;
  }
  if (board->hello_due) return send_hello(board, wire, &payload, now_ms);
  if (board->answer_count > 0) {
    struct answer answer = board->answers[0];
    board->answer_count--;
    memmove(board->answers, board->answers + 1, board->answer_count * sizeof answer);
    cbor_map(&payload, 3);
    cbor_pair(&payload, 0, answer.id);
    cbor_pair(&payload, 1, answer.result);
    cbor_pair(&payload, 2, answer.value);
    return seal(board, wire, COMMAND_ACK, &payload);
  }
  if (board->beat_due) return send_beat(board, wire, &payload, now_ms);
  for (uint8_t i = 0; board->session && i < board->event_count; i++) {
    struct event *event = &board->events[i];
    if (!is_due(event->sent, event->sent_ms, now_ms)) continue;
    event->sent = true;
    event->sent_ms = (uint16_t)now_ms;
    return send_event(board, wire, &payload, event, true, now_ms);
  }
  return 0;
}

uint8_t board_outputs(const struct board *board, uint32_t now_ms) {
  bool alone = board_waiting(board) > 0 && now_ms - board->heard_ms >= BOARD_ALONE_MS;
  uint8_t levels = 0;
  for (uint8_t i = 0; i < BOARD_OUTPUTS; i++) {
    bool cry = alone && i == 0;
    uint32_t since_ms = now_ms - (cry ? board->heard_ms : board->since_ms[i]);
    if (pattern_level(cry ? PATTERN_FLASHES : board->patterns[i], since_ms)) levels = (uint8_t)(levels | 1u << i);
  }
  return levels;
}
