"""A model of the board for tests of the session in virtual time, and a wire that damages what it carries.

It does what `firmware_bridge/messages.py` says of a board and no more; the firmware itself is tested elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_bridge.frame import Deframer, Frame, Payload, encode_frame
from firmware_bridge.messages import OTHER_EVENT, EventKind, Type
from firmware_bridge.session import Session, Told

MS = 1_000_000


@dataclass
class ModelBoard:
    """A board. `eeprom` survives a reset: presses ever, those acknowledged, boots."""

    clock_ms: int = 0
    presses: int = 0
    acknowledged: set[int] = field(default_factory=set)
    boots: int = 1
    protocol: int = 1
    says_hello: bool = True
    hears: bool = True
    acknowledges: bool = True
    lines: bytes = b"\2\2"
    done: list[tuple[int, int, int]] = field(default_factory=list)
    _pressed_ms: dict[int, int] = field(default_factory=dict)
    _events: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    _deframer: Deframer = field(default_factory=Deframer)
    _up_ms: int = 0
    _hello_ms: int = 0
    _beat_ms: int = 0
    _resend_ms: int = 0
    _greeted: bool = False
    _others: int = 0
    _last_id: int = 0
    _seq: int = 0
    _out: bytes = b""

    def reset(self) -> None:
        """Start anew; what is not in the EEPROM is lost."""
        self.boots += 1
        self._start()

    def erase(self) -> None:
        """Lose the EEPROM and start anew."""
        self.presses, self.acknowledged, self.boots = 0, set(), 0
        self.reset()

    def press(self) -> int:
        """Latch a press and return its number."""
        self.presses += 1
        self._pressed_ms[self.presses] = self.clock_ms
        return self.presses

    def other(self, kind: EventKind, index: int, value: int) -> int:
        """Note an event that is no press and return its number."""
        number = OTHER_EVENT + self._others
        self._others += 1
        self._events[number] = (int(kind), index, int(value), self.clock_ms)
        return number

    def step(self, ms: int) -> bytes:
        """Let time pass and return what it says."""
        self.clock_ms = (self.clock_ms + ms) % 2**32
        self._up_ms += ms
        out, self._out = self._out, b""
        if self.says_hello and not self._greeted and self._up_ms >= self._hello_ms:
            self._hello_ms = self._up_ms + 2_000
            out += self._hello()
        # As the firmware: without a session nothing but hellos, and answers.
        tells = self._greeted or not self.says_hello
        if tells and self._up_ms >= self._beat_ms:
            out += self._beat()
        if tells and self._up_ms >= self._resend_ms:
            self._resend_ms = self._up_ms + 200
            out += b"".join(self._waiting())
        return out

    def hear(self, data: bytes) -> None:
        """Take what the host said."""
        for frame in self._deframer.feed(data) if self.hears else []:
            payload = frame.payload
            match frame.type:
                case Type.HELLO_ACK:
                    self._greeted = True
                case Type.HELLO if self.says_hello:
                    self._out += self._hello()
                case Type.EVENT_ACK:
                    self.acknowledged.add(_number(payload, 0))
                    self._events.pop(_number(payload, 0), None)
                case Type.PING:
                    self._out += self._beat()
                case Type.COMMAND if self.acknowledges:
                    self._command(payload)

    def _start(self) -> None:
        self.clock_ms = self._up_ms = self._hello_ms = self._beat_ms = self._resend_ms = 0
        self._greeted = False
        self._others = self._last_id = self._seq = 0
        self._pressed_ms, self._events = {}, {}
        self._out, self._deframer = b"", Deframer()

    def _command(self, payload: Payload) -> None:
        if _number(payload, 0) != self._last_id:
            self._last_id = _number(payload, 0)
            self.done.append((_number(payload, 1), _number(payload, 2), _number(payload, 3)))
        self._out += self._frame(Type.COMMAND_ACK, {0: payload[0], 1: 0, 2: payload[3]})

    def _hello(self) -> bytes:
        payload: Payload = {0: self.protocol, 1: "1.0.0", 2: "uno", 3: [2, 2, 2, 1], 4: self.boots, 5: 1}
        return self._frame(Type.HELLO, payload)

    def _beat(self) -> bytes:
        self._beat_ms = self._up_ms + 1_000
        return self._frame(Type.BEAT, {0: self.clock_ms, 1: self.lines, 2: 0, 3: 0, 4: self.presses})

    def _waiting(self) -> list[bytes]:
        waiting: list[Payload] = []
        for number in range(1, self.presses + 1):
            if number not in self.acknowledged:
                payload: Payload = {0: number, 1: 1, 2: 0, 3: 1}
                if number in self._pressed_ms:
                    payload[4] = (self.clock_ms - self._pressed_ms[number]) % 2**32
                waiting.append({**payload, 5: self.clock_ms})
        for number, (kind, index, value, at_ms) in self._events.items():
            age_ms = (self.clock_ms - at_ms) % 2**32
            waiting.append({0: number, 1: kind, 2: index, 3: value, 4: age_ms, 5: self.clock_ms})
        return [self._frame(Type.EVENT, payload) for payload in waiting[:8]]

    def _frame(self, kind: Type, payload: Payload) -> bytes:
        self._seq = (self._seq + 1) % 65_536
        return encode_frame(Frame(kind, self._seq, payload))


def _number(payload: Payload, key: int) -> int:
    value = payload[key]
    assert isinstance(value, int)
    return value


class Pair:
    """A session and a board on a wire, in steps of 10 ms. `rate` is the share of bytes that is dropped or changed."""

    def __init__(self, session: Session, board: ModelBoard, *, rate: float = 0.0, seed: int = 1) -> None:
        self.session = session
        self.board = board
        self.rate = rate
        self.draw = random.Random(seed)
        self.now_ns = 10**12
        self.told: list[Told] = []
        self.mended: Callable[[bytes], bytes] = lambda data: data
        session.opened(self.now_ns)

    def run(self, seconds: float) -> list[Told]:
        """Let time pass and return what was told in it."""
        since = len(self.told)
        for _ in range(round(seconds * 100)):
            self.now_ns += 10 * MS
            said = self.mended(self.damaged(self.board.step(10)))
            if said:
                self.told += self.session.feed(said, self.now_ns)
            due_ns = self.session.due_ns()
            if due_ns is not None and due_ns <= self.now_ns:
                self.told += self.session.tick(self.now_ns)
            self.board.hear(self.damaged(self.session.take_output()))
        return self.told[since:]

    def damaged(self, data: bytes) -> bytes:
        """Return what the wire makes of bytes."""
        if not self.rate:
            return data
        out = bytearray()
        for byte in data:
            if self.draw.random() >= self.rate:
                out.append(byte)
            elif self.draw.random() < 0.5:
                out.append(self.draw.randrange(256))
        return bytes(out)
