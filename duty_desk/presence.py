"""Which devices the desk can hear, from the retained birth and will of each on both lanes. Pure.

A device is reachable while it is online on any lane. After the desk's start, and after a broker's connection came or
went, its status may still be on the way: for that long it is being checked, is not called unreachable, and if it was,
stays so. That grace is counted in rounds, one a second, and not by a clock: neither a clock that is set nor a desk that
was stopped for a while shortens it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from contract.topics import Lane

GRACE_ROUNDS: Final = 10
"""Rounds that a status may take to come after a change of the connection."""

Word = Literal["online", "offline"]
"""What a device's birth and will say."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A device that cannot be reached.

    `offline`: its will was heard; `silent`: nothing is heard of it. It is so since `since_ns` (the centre's clock), or,
    with `before`, since some moment before that.
    """

    device: str
    state: Literal["offline", "silent"]
    since_ns: int
    before: bool = False


@dataclass(slots=True)
class _Heard:
    word: Word
    since_ns: int
    before: bool
    connection: int


@dataclass(slots=True)
class _Path:
    """One lane: the desk's connection to its broker, and what was heard on it."""

    up: bool = False
    connection: int = 0
    rounds: int = 0
    lost_ns: int = 0
    heard: dict[str, _Heard] = field(default_factory=dict)

    def judge(self, device: str) -> Word | Literal["checking", "silent"]:
        heard = self.heard.get(device)
        settled = self.rounds >= GRACE_ROUNDS
        if heard is not None and heard.connection == self.connection and (self.up or not settled):
            return heard.word
        return "silent" if settled else "checking"


class Presence:
    """The record of each device and lane. Only the devices it is made with are kept, so a stranger costs nothing.

    Args:
        devices: The devices to watch.
        now_ns: When the desk started, by the centre's clock.
    """

    def __init__(self, devices: Iterable[str], now_ns: int) -> None:
        self._devices = tuple(devices)
        self._known = frozenset(self._devices)
        self._start_ns = now_ns
        self._paths: dict[Lane, _Path] = {"alarm": _Path(), "telemetry": _Path()}
        self._missing: dict[str, Missing] = {}
        self.checking = len(self._devices)

    @property
    def missing(self) -> list[Missing]:
        """The devices that cannot be reached, the latest first."""
        return sorted(self._missing.values(), key=lambda one: (-one.since_ns, one.device))

    def never(self, device: str) -> bool:
        """Return whether a device was never there: both brokers are asked, and neither keeps or told a word of it."""
        return all(path.up and device not in path.heard for path in self._paths.values())

    def hear(self, device: str, lane: Lane, word: Word, now_ns: int, *, retained: bool) -> None:
        """Take a device's status on a lane. A retained one tells what happened at some time before."""
        if device not in self._known:
            return
        path = self._paths[lane]
        heard = path.heard.get(device)
        if heard is not None and heard.word == word:
            heard.connection = path.connection
        else:
            path.heard[device] = _Heard(word, now_ns, retained, path.connection)

    def link(self, lane: Lane, up: bool, now_ns: int) -> None:
        """Take note that the desk's own connection to a lane's broker stands, or was lost."""
        path = self._paths[lane]
        path.up = up
        path.rounds = 0
        if not up:
            # What the next connection brings, retained statuses included, counts for it even before it stands.
            path.connection += 1
            path.lost_ns = now_ns

    def round(self) -> bool:
        """Judge every device, once a second; return whether anything changed."""
        for path in self._paths.values():
            path.rounds = min(path.rounds + 1, GRACE_ROUNDS)
        missing: dict[str, Missing] = {}
        checking = 0
        for device in self._devices:
            verdicts = {path.judge(device) for path in self._paths.values()}
            known = self._missing.get(device)
            if "online" in verdicts:
                continue
            if known is not None:
                missing[device] = known
            elif "checking" in verdicts:
                checking += 1
            else:
                missing[device] = self._last_word(device)
        changed = missing != self._missing or checking != self.checking
        self._missing, self.checking = missing, checking
        return changed

    def _last_word(self, device: str) -> Missing:
        """Return since when a device is missing: since the last lane on which it was there failed it."""
        ends = [Missing(device, "silent", self._start_ns)]
        for path in self._paths.values():
            heard = path.heard.get(device)
            if heard is not None and heard.word == "offline":
                ends.append(Missing(device, "offline", heard.since_ns, heard.before))
            elif heard is not None:
                ends.append(Missing(device, "silent", path.lost_ns))
        return max(ends, key=lambda end: (end.since_ns, end.state == "offline"))
