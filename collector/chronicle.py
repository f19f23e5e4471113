"""What the walls need beside readings, gathered until the store has it: incidents, reports, the desk's sign of life.

Pure: messages go in, lines of the store come out.

- Of each incident only the newest state counts, and it is kept until it is written: after an outage of the store the
  walls show how each one stands. At most MOST_INCIDENTS wait; then the one that changed longest ago goes.
- Reports and signs of life are of a moment: MOST_POINTS wait at most, the oldest go first. The desk says each 2 s that
  it lives; one in 10 s is kept.
- Best effort, and counted: no press and no reading depends on it.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

from collector.decode import LATEST_AHEAD_NS
from collector.shapes import EARLIEST_NS
from contract.chronicle import Point, beat_point, incident_point, report_point
from contract.errors import BodyError, TopicError
from contract.messages import Heartbeat, IncidentMessage, Report, decode
from contract.topics import HEARTBEAT, INCIDENT, parse_up
from store.lines import line

TOPICS: Final = (HEARTBEAT, INCIDENT)
"""What is heard beside the reports."""
MOST_INCIDENTS: Final = 5_000
MOST_POINTS: Final = 20_000
MOST_DESKS: Final = 16
BEAT_NS: Final = 10 * 10**9
AT_ONCE: Final = 5_000


class Chronicle:
    """What waits for the store."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self._incidents: dict[str, tuple[int, Point]] = {}
        self._points: deque[Point] = deque()
        self._beats: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._incidents) + len(self._points)

    def take(self, topic: str, body: bytes, now_ns: int, *, retained: bool = False) -> None:
        """Take in a message; what is none of ours, or of a clock that is nowhere near ours, is counted only.

        Args:
            topic: Where it was heard.
            body: The message.
            now_ns: The centre's clock, since 1970.
            retained: Whether the broker had kept it: nobody says so now.
        """
        if retained:
            self.counters["refused: retained"] += 1
            return
        try:
            if topic == INCIDENT:
                self._incident(decode(IncidentMessage, body), now_ns)
            elif topic == HEARTBEAT:
                self._beat(decode(Heartbeat, body), now_ns)
            else:
                self._report(parse_up(topic).device, decode(Report, body), now_ns)
        except (TopicError, BodyError) as error:
            self.counters[f"refused: {error.reason}"] += 1

    def waiting(self) -> tuple[list[tuple[str, int, Point]], list[Point]]:
        """Return incidents with what `written` wants to know of them, and points, as many as go at once."""
        some = [(name, changed_ns, point) for name, (changed_ns, point) in self._incidents.items()][:AT_ONCE]
        points = [self._points[place] for place in range(min(AT_ONCE, len(self._points)))]
        return some, points

    def incidents_written(self, some: list[tuple[str, int, Point]]) -> None:
        """Forget incidents that the store has, but those that changed meanwhile."""
        for name, _, point in some:
            if name in self._incidents and self._incidents[name][1] is point:
                del self._incidents[name]

    def points_written(self, points: list[Point]) -> None:
        """Forget points that the store has; those that went meanwhile for want of room are forgotten already."""
        last = points[-1] if points else None
        if last is not None and any(one is last for one in self._points):
            while self._points.popleft() is not last:
                pass

    def _incident(self, message: IncidentMessage, now_ns: int) -> None:
        if not _plausible(message.opened_at_ns, now_ns):
            self.counters["refused: its clock is far off"] += 1
            return
        known = self._incidents.pop(message.incident_id, None)
        if known is not None and known[0] > message.changed_at_ns:
            self._incidents[message.incident_id] = known
            return
        if len(self._incidents) >= MOST_INCIDENTS:
            del self._incidents[next(iter(self._incidents))]
            self.counters["dropped"] += 1
        self._incidents[message.incident_id] = (message.changed_at_ns, incident_point(message))
        self.counters["incidents"] += 1

    def _beat(self, beat: Heartbeat, now_ns: int) -> None:
        if not _plausible(beat.timestamp_ns, now_ns):
            self.counters["refused: its clock is far off"] += 1
            return
        last_ns = self._beats.get(beat.desk)
        # A clock that was set back begins anew.
        if last_ns is not None and last_ns <= beat.timestamp_ns < last_ns + BEAT_NS:
            return
        if last_ns is None and len(self._beats) >= MOST_DESKS:
            del self._beats[next(iter(self._beats))]
        self._beats[beat.desk] = beat.timestamp_ns
        self._add(beat_point(beat))
        self.counters["beats"] += 1

    def _report(self, device: str, report: Report, now_ns: int) -> None:
        if report.device != device:
            self.counters["refused: not of this device"] += 1
        elif not _plausible(report.timestamp_ns, now_ns):
            self.counters["refused: its clock is far off"] += 1
        else:
            self._add(report_point(report))
            self.counters["reports"] += 1

    def _add(self, point: Point) -> None:
        if len(self._points) >= MOST_POINTS:
            self._points.popleft()
            self.counters["dropped"] += 1
        self._points.append(point)


def lines_of(points: list[Point]) -> bytes:
    """Return points as line protocol."""
    return "\n".join(line(one.measurement, one.tags, one.fields, one.time_ns) for one in points).encode()


def _plausible(at_ns: int, now_ns: int) -> bool:
    return EARLIEST_NS <= at_ns <= now_ns + LATEST_AHEAD_NS
