"""Series of which the store refused a line lately, so that it need not be searched for them again. Pure.

A store at its limit of series, or with a field of another type, refuses the same series in each load, and to find a few
bad lines among thousands takes dozens of writes each time. So lines of such series are written apart from the others:
the store refuses or takes them in one go. What is told here changes only what is written together, never what is
written: a series is forgotten when the store takes it, or after a while.

Bounded: the oldest is forgotten when there are too many.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from collector.line_protocol import split_lines
from store.refusals import SERIES_LIMIT, refusal_kind

MAX_SERIES: Final = 10_000
FORGET_AFTER_S: Final = 600.0

Part = tuple[int, bytes, int]
"""Lines of one piece of a load: its place in the load, the lines, and how many."""


class Suspects:
    """The series.

    Args:
        max_series: How many are remembered.
        forget_after_s: For how long after the last refusal, in seconds.
    """

    def __init__(self, *, max_series: int = MAX_SERIES, forget_after_s: float = FORGET_AFTER_S) -> None:
        self._max_series = max_series
        self._forget_after_s = forget_after_s
        self._refused: dict[bytes, tuple[float, str]] = {}

    def __len__(self) -> int:
        return len(self._refused)

    def note(self, line: bytes, reason: str, now_s: float) -> None:
        """Note that the store refused a line, with its reason."""
        series = series_of(line)
        self._refused.pop(series, None)
        if len(self._refused) >= self._max_series:
            del self._refused[next(iter(self._refused))]
        self._refused[series] = (now_s, reason)

    def clear(self, parts: Iterable[Part]) -> None:
        """Note that the store took all of these lines."""
        for _, body, _ in parts:
            for line in split_lines(body):
                self._refused.pop(series_of(line), None)

    def forget(self, now_s: float) -> None:
        """Forget what was refused too long ago."""
        while self._refused:
            series = next(iter(self._refused))
            if now_s - self._refused[series][0] < self._forget_after_s:
                return
            del self._refused[series]

    def apart(self, parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
        """Return the lines of all other series, and those of the suspects, each in their order."""
        others: list[Part] = []
        suspects: list[Part] = []
        for place, body, count in parts:
            lines = split_lines(body)
            ours = [line for line in lines if series_of(line) in self._refused]
            if not ours:
                others.append((place, body, count))
                continue
            suspects.append((place, b"\n".join(ours), len(ours)))
            if len(ours) < len(lines):
                rest = [line for line in lines if series_of(line) not in self._refused]
                others.append((place, b"\n".join(rest), len(rest)))
        return others, suspects

    def series_limit(self, now_s: float) -> str | None:
        """Return what to tell people when the store refuses series because it has too many; None when it does not."""
        self.forget(now_s)
        reasons = [reason for _, reason in self._refused.values() if refusal_kind(reason) == SERIES_LIMIT]
        if not reasons:
            return None
        return (
            f"the store takes no new series: {len(reasons)} refused ({reasons[-1]}); "
            "raise its limit, or see which devices name so many: siaga collector quarantine list"
        )


def series_of(line: bytes) -> bytes:
    """Return measurement and tags of a line: what stands before the first blank that is not escaped."""
    end = line.find(b" ")
    while end > 0 and line[end - 1] == 0x5C:
        end = line.find(b" ", end + 1)
    return line if end < 0 else line[:end]
