"""A conversation with one board: hello, events, commands, supervision. Pure: bytes and moments go in, words come out.

| state | what comes | next | what is said |
|---|---|---|---|
| closed | the line is opened | asking | hello, again each second: who is there? |
| asking | a hello of our protocol | greeted | hello_ack, ping |
| asking | a hello of another protocol | asking | nothing |
| greeted | a beat | ready | what waits; before it no event is taken, as the press counter may have begun anew |
| ready | an event | ready | event_ack, for a press only once the caller stored it |
| ready | a beat of a clock that went back, or of the three between two pings one at most | ready | who is there? |
| any | a hello | greeted | hello_ack, ping: the board started anew, or did not hear us |
| any | the line is lost | closed | nothing |

A board beats by itself only while it has heard our hello_ack; one that started anew and whose hello was lost, or that
did not hear the hello_ack, answers pings alone.

Moments are CLOCK_MONOTONIC in nanoseconds.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final, Literal, TypeAlias

from firmware_bridge.board_clock import BoardClock
from firmware_bridge.commands import Answer, Commands
from firmware_bridge.errors import CommandError, FrameError
from firmware_bridge.frame import DELIMITER, Deframer, Frame, Payload, encode_frame
from firmware_bridge.messages import (
    OTHER_EVENT,
    PROTOCOL,
    Beat,
    CommandAck,
    CommandKind,
    Event,
    EventKind,
    Hello,
    Type,
    ask_hello,
    event_ack,
    hello_ack,
    parse_from_board,
    ping,
)
from firmware_bridge.numbers import NumberLog, Stored
from firmware_bridge.supervision import Supervision
from firmware_bridge.told import Happened

PING_NS: Final = 2_500_000_000
"""Half a second beside the board's own beats, so that the answer is told from them by the board's clock."""

ANSWER_NS: Final = 2 * 10**9
"""A ping that had no beat by then has none any more."""

BEATS_APART_MS: Final = 1_000
"""A board beats by itself no sooner than this after the beat before."""

IN_SESSION: Final = 2
"""Of a board in session so many messages come between two pings, but for what is lost: two beats, and the answer."""

DOUBT_NS: Final = 300_000_000
"""So often a board that may have no session is asked who it is."""

ASKED_NS: Final = 500_000_000
"""A hello so soon after it was asked for is an answer."""

GREETED_PING_NS: Final = 200_000_000
ASK_NS: Final = 10**9
MOST_OUTPUT: Final = 1_024
"""Bytes that wait to be written; beyond them frames are left out, as all that matters is said again."""

State = Literal["closed", "asking", "greeted", "ready"]
Told: TypeAlias = Hello | Beat | Happened | Answer


class Session:
    """One board, over lost lines and the board's resets.

    `counters` counts frames, what was refused and why, `duplicates`, `boots`, and what else went on.

    Args:
        session: A number of 1 to 2^32 - 1 that this run chose by chance; it says so to the board.
        stored: The presses that an earlier run stored, as `stored` was then.
    """

    def __init__(self, session: int, stored: Stored | None = None) -> None:
        self.state: State = "closed"
        self.hello: Hello | None = None
        self.beat: Beat | None = None
        self.clock = BoardClock()
        self._session = session
        self._presses = NumberLog(stored)
        self._others = NumberLog()
        self._deframer = Deframer()
        self._commands = Commands(first_id=session % 65_535 + 1)
        self._supervision = Supervision(0)
        self._counted: Counter[str] = Counter()
        self._out = bytearray()
        self._seq = 0
        self._beat_ms: int | None = None
        self._pings_ns: deque[int] = deque(maxlen=8)
        self._speak_ns = 0
        self._heard = 0
        self._in_doubt = False
        self._asked_hello_ns = -ASKED_NS

    @property
    def counters(self) -> Counter[str]:
        """What came in and what became of it."""
        return self._counted + self._deframer.counters

    @property
    def stored(self) -> Stored:
        """The presses that the caller stored: to be kept with them, for the next run."""
        return self._presses.stored

    def opened(self, now_ns: int) -> None:
        """Take that the line is open."""
        self._deframer.reset()
        self._out.clear()
        self._supervision = Supervision(now_ns)
        self.state = "asking"
        self._speak_ns = now_ns
        self.tick(now_ns)

    def lost(self) -> None:
        """Take that the line is lost; what is asked of the board waits."""
        self.state = "closed"
        self._out.clear()
        self._commands.held_up()

    def feed(self, data: bytes, now_ns: int) -> list[Told]:
        """Take what came from the board at `now_ns`; raises nothing."""
        told: list[Told] = []
        frames = self._deframer.feed(data)
        self._supervision.came(self._deframer.other_version, now_ns)
        for frame in frames:
            try:
                message = parse_from_board(frame)
            except FrameError:
                self._counted["payload of its type"] += 1
                continue
            if message is None:
                self._counted["unknown type"] += 1
            else:
                self._supervision.heard(message, now_ns, asked=now_ns - self._asked_hello_ns < ASKED_NS)
                told += self._take(message, now_ns)
        return told + self.tick(now_ns)

    def tick(self, now_ns: int) -> list[Told]:
        """Say what is due; return the commands that were not answered in time."""
        ready = self.state == "ready"
        said, failed = self._commands.tick(now_ns, ready=ready)
        if ready:
            self._supervision.commands_failed(len(failed))
        for each in said:
            self._say(each)
        if self.state != "closed" and now_ns >= self._speak_ns:
            if self.state == "asking":
                self._ask_hello(now_ns, ASK_NS)
            else:
                self._say_ping(now_ns)
        return [*failed]

    def due_ns(self) -> int | None:
        """Return when `tick` is to be called next, None when nothing is due."""
        due_ns = self._commands.due_ns(ready=self.state == "ready")
        if self.state == "closed":
            return due_ns
        return self._speak_ns if due_ns is None else min(due_ns, self._speak_ns)

    def take_output(self) -> bytes:
        """Return what is to be written now."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def press_stored(self, number: int) -> None:
        """Take that a press is where no power failure takes it; only now the board is told."""
        self._presses.store(number)
        if self.state == "ready":
            self._say(event_ack(number))

    def command(self, kind: CommandKind, index: int, value: int, now_ns: int) -> int:
        """Ask the board to do something and return the id of the `Answer` that is told within 2 s.

        Raises:
            CommandError: The board has no such part, or 8 commands wait already.
        """
        if self.hello is not None:
            there = {
                CommandKind.LAMP: self.hello.lamps,
                CommandKind.SIREN: self.hello.sirens,
                CommandKind.READ_LINE: self.hello.lines,
                CommandKind.RESET: 1,
            }[kind]
            if index >= there:
                raise CommandError(f"the board has {there} of {kind.name.lower()}, there is no {index}")
        return self._commands.add(kind, index, value, now_ns)

    def fault(self, now_ns: int) -> str | None:
        """Return what is wrong with the board, in words that say what to do, or None."""
        return None if self.state == "closed" else self._supervision.fault(now_ns)

    def _take(self, message: Hello | Event | CommandAck | Beat, now_ns: int) -> list[Told]:
        match message:
            case Hello():
                return self._take_hello(message, now_ns)
            case Beat():
                return self._take_beat(message, now_ns)
            case CommandAck():
                answer = self._commands.answered(message)
                return [] if answer is None else [answer]
        return self._take_event(message, now_ns)

    def _take_hello(self, hello: Hello, now_ns: int) -> list[Told]:
        if hello.protocol != PROTOCOL:
            self._counted["other protocol"] += 1
            self.state = "asking"
            return []
        told: list[Told] = []
        known = self.hello
        if known is None or known != hello:
            self._counted["boots"] += 1
            self.clock.reset()
            self._beat_ms = None
            self._pings_ns.clear()
            self._others.forget()
            if known is not None and hello.boots < known.boots:
                self._count_anew()
            told = [hello, *self._commands.board_started()]
        self.hello = hello
        self.state = "greeted"
        self._in_doubt = False
        self._say(hello_ack(self._session))
        self._say_ping(now_ns)
        return told

    def _take_beat(self, beat: Beat, now_ns: int) -> list[Told]:
        restarts, before_ms = self.clock.restarts, self._beat_ms
        went_back = before_ms is not None and (beat.board_ms - before_ms) % 2**32 >= 2**31
        self.clock.heard(beat.board_ms, now_ns, sent_ns=self._asked_ns(beat.board_ms, now_ns))
        if self.state == "asking" or self.hello is None:
            self._counted["without hello"] += 1
            return []
        # Only a start can set the counter back; a press may be told a little before it stands in the EEPROM.
        if self.state == "greeted" and beat.presses < self._presses.highest:
            self._count_anew()
        if self.clock.restarts > restarts:
            # A board that started anew has new numbers; its hello was lost.
            self._others.forget()
        self.beat = beat
        self._heard += 1
        if went_back and self.state == "ready":
            self._in_doubt, self._speak_ns = True, now_ns
        if self.state == "greeted":
            self.state = "ready"
            self._heard = IN_SESSION - 1
            self._speak_ns = now_ns + PING_NS
        return [beat]

    def _asked_ns(self, board_ms: int, now_ns: int) -> int | None:
        """Return when the ping was sent that a beat answers, or an earlier one; None: the board may beat by itself."""
        before_ms, self._beat_ms = self._beat_ms, board_ms
        while self._pings_ns and now_ns - self._pings_ns[0] > ANSWER_NS:
            self._pings_ns.popleft()
        answers = before_ms is not None and (board_ms - before_ms) % 2**32 < BEATS_APART_MS
        return self._pings_ns.popleft() if answers and self._pings_ns else None

    def _take_event(self, event: Event, now_ns: int) -> list[Told]:
        if self.state != "ready":
            self._counted["before its beat"] += 1
            return []
        self._heard = IN_SESSION
        press = event.kind is EventKind.PRESS
        log = self._presses if press else self._others
        number = event.number if press else event.number - OTHER_EVENT + 1
        if not log.tell(number):
            self._counted["duplicates"] += 1
            if log.is_stored(number):
                self._say(event_ack(event.number))
            return []
        if not press:
            log.store(number)
            self._say(event_ack(event.number))
        found = None
        if event.age_ms is not None:
            found = self.clock.monotonic_ns(event.board_ms, event.age_ms, now_ns)
        happened_ns, error_ns = (None, None) if found is None else found
        return [Happened(event.number, event.kind, event.index, event.value, happened_ns, error_ns)]

    def _count_anew(self) -> None:
        """Its EEPROM was erased, or it is another board: its numbers begin anew, and none may be passed over."""
        self._counted["presses counted anew"] += 1
        self._presses.forget()

    def _ask_hello(self, now_ns: int, again_ns: int) -> None:
        self._asked_hello_ns = now_ns
        self._speak_ns = now_ns + again_ns
        self._say(ask_hello())

    def _say_ping(self, now_ns: int) -> None:
        self._pings_ns.append(now_ns)
        self._speak_ns = now_ns + (GREETED_PING_NS if self.state == "greeted" else PING_NS)
        self._say(ping())
        if self.state == "ready":
            self._in_doubt = self._in_doubt or self._heard < IN_SESSION
            self._heard = 0
            if self._in_doubt:
                self._ask_hello(now_ns, DOUBT_NS)

    def _say(self, message: tuple[Type, Payload]) -> None:
        kind, payload = message
        # The delimiter before it ends whatever noise the board heard since.
        wire = DELIMITER + encode_frame(Frame(kind, self._seq, payload))
        self._seq = (self._seq + 1) % 65_536
        if len(self._out) + len(wire) > MOST_OUTPUT:
            self._counted["not said: too much waits"] += 1
            return
        self._out += wire
