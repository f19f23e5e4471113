"""What the bell hears, in what it means to its judge. Pure: topics, bodies and time go in.

Whatever cannot be understood is taken for a real press: the desk would ring for it too.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

from contract import topics
from contract.errors import BodyError, TopicError
from contract.identity import body_hash
from contract.messages import AlarmReceipt, Heartbeat, Press, decode
from contract.time_quality import is_trusted
from contract.topics import Lane
from duty_desk.bell.judge import Cause, Judge

UNKNOWN: Final = "?"
_EVENT_ID: Final = re.compile(rb'"event_id"\s*:\s*"([0-9a-f-]{36})"')
_RECEIPT: Final = re.compile(rf"{topics.ROOT}/down/[^/]+/alarm/receipt\Z")


class CentreClock:
    """The centre's clock, by the heartbeat that came last, and by this machine's until one came."""

    def __init__(self) -> None:
        self._ahead_ns: int | None = None

    def told(self, centre_ns: int, monotonic_ns: int) -> None:
        """Take the time in a heartbeat."""
        self._ahead_ns = centre_ns - monotonic_ns

    def now_ns(self, monotonic_ns: int, own_ns: int) -> int:
        """Return the time in ns since 1970."""
        return own_ns if self._ahead_ns is None else monotonic_ns + self._ahead_ns


class Hearing:
    """Takes what arrives.

    Args:
        judge: Judges it.
    """

    def __init__(self, judge: Judge) -> None:
        self.clock = CentreClock()
        self.refused: Counter[str] = Counter()
        self._judge = judge

    def hear(self, lane: Lane, topic: str, body: bytes, retained: bool, monotonic_ns: int, own_ns: int) -> None:
        """Take a message; one that was kept by a broker tells nothing of now."""
        if retained:
            return
        if topic == topics.HEARTBEAT:
            self._heartbeat(lane, body, monotonic_ns)
        elif _RECEIPT.match(topic):
            self._receipt(body, monotonic_ns)
        else:
            self._alarm(topic, body, monotonic_ns, self.clock.now_ns(monotonic_ns, own_ns))

    def _heartbeat(self, lane: Lane, body: bytes, monotonic_ns: int) -> None:
        try:
            heartbeat = decode(Heartbeat, body)
        except BodyError:
            self.refused["heartbeat"] += 1
            return
        self.clock.told(heartbeat.timestamp_ns, monotonic_ns)
        self._judge.heartbeat(lane, monotonic_ns)

    def _receipt(self, body: bytes, monotonic_ns: int) -> None:
        try:
            receipt = decode(AlarmReceipt, body)
        except BodyError:
            self.refused["receipt"] += 1
            return
        for name in (receipt.event_id, receipt.body_sha256):
            if name is not None:
                self._judge.receipt(name, receipt.stage == "stored", monotonic_ns)

    def _alarm(self, topic: str, body: bytes, monotonic_ns: int, now_ns: int) -> None:
        try:
            up = topics.parse_up(topic)
        except TopicError:
            self.refused["topic"] += 1
            return
        if up.kind == "alarm":
            cause, names, meant = read_press(up.device, body, now_ns)
            self._judge.press(cause, names, meant, monotonic_ns)


def read_press(device: str, body: bytes, now_ns: int) -> tuple[Cause, frozenset[str], bool]:
    """Return what to say of a press, by which names a receipt may name it, and whether it is a real one.

    Args:
        device: The box, by the topic.
        body: Whatever came.
        now_ns: The centre's clock.
    """
    digest = body_hash(body)
    try:
        press = decode(Press, body)
    except BodyError:
        found = _EVENT_ID.search(body)
        name = digest if found is None else found.group(1).decode()
        return _cause(name, device, UNKNOWN, now_ns), frozenset({name, digest}), not _claims_a_test(body)
    at_ns = now_ns
    if press.age_ms is not None:
        at_ns = max(0, now_ns - press.age_ms * 1_000_000)
    elif is_trusted(press.clock):
        at_ns = min(now_ns, press.pressed_at_ns)
    meant = press.status == "Actual" and press.cause != "synthetic"
    return _cause(press.event_id, device, press.button, at_ns), frozenset({press.event_id, digest}), meant


def _cause(key: str, device: str, button: str, at_ns: int) -> Cause:
    return Cause(key, f"press {device}/{button}"[:64], (device, button), at_ns)


def _claims_a_test(body: bytes) -> bool:
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and (
        value.get("status") in ("Test", "Exercise") or value.get("cause") == "synthetic"
    )
