"""`make bench-desk`, two officers at once: exactly one wins, and the other is told who.

Both ask over connections of their own at the same moment; each also reads the stream of events as a page does.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.desk_client import Officer
from benchmarks.desk_stage import OFFICERS, Stage, street
from benchmarks.figures import Figure, keep_samples, percentile

RACES: Final = 100
MOST_S: Final = 1.0
_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Race:
    """One race: whether one won and the other was told the right name, and after how many s it knew."""

    fair: bool
    told_s: float
    streamed_s: float


class _Stream:
    """When a stream told whose an incident is, by CLOCK_MONOTONIC in s."""

    def __init__(self, officer: Officer) -> None:
        self._officer = officer
        self.told: dict[str, tuple[str, float]] = {}
        self._news = asyncio.Condition()
        self.standing = asyncio.Event()

    async def read(self) -> None:
        """Read for ever."""
        async for name, data in self._officer.events():
            self.standing.set()
            if name != "incident" or data["incident"]["state"] != "accepted":
                continue
            async with self._news:
                self.told.setdefault(data["incident"]["id"], (data["incident"]["officer"], time.monotonic()))
                self._news.notify_all()

    async def accepted(self, incident_id: str) -> tuple[str, float]:
        """Return who has an incident, and when the stream said so."""
        async with asyncio.timeout(_TIMEOUT_S), self._news:
            await self._news.wait_for(lambda: incident_id in self.told)
        return self.told[incident_id]


def figures(races: int = RACES) -> list[Figure]:
    """Measure, keep the samples and return the figures."""
    run = asyncio.run(_measure(races))
    rows = [(race.fair, f"{race.told_s:.4f}", f"{race.streamed_s:.4f}") for race in run]
    keep_samples("desk_race", ("fair", "loser_told_s", "loser_streamed_s"), rows)
    told = [race.told_s for race in run]
    return [
        Figure("two accept at once: one wins, the other told who", sum(race.fair for race in run), len(run),
               f"of {len(run)}", at_least=True, digits=0),
        Figure("two accept at once: the other knows, most", max(told), MOST_S, "s", digits=3),
        Figure("two accept at once: the other knows, p50", percentile(told, 0.5), None, "s", digits=3),
        Figure("two accept at once: its stream says so, most", max(race.streamed_s for race in run), MOST_S, "s",
               digits=3),
    ]  # fmt: skip


async def _measure(races: int) -> list[Race]:
    with Stage(boxes=1) as stage:
        async with (
            street(stage.stack.alarm_broker) as alarms,
            Officer(stage, OFFICERS[0], "Layar 1") as first,
            Officer(stage, OFFICERS[1], "Layar 2") as second,
        ):
            streams = [_Stream(first), _Stream(second)]
            reading = [asyncio.create_task(stream.read(), name="race-stream") for stream in streams]
            try:
                for stream in streams:
                    await stream.standing.wait()
                run: list[Race] = []
                for number in range(races):
                    incident = await alarms.incident(await alarms.press(f"race-{number}"))
                    run.append(await _race(incident, (first, second), streams))
                return run
            finally:
                for task in reading:
                    task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.gather(*reading, return_exceptions=True)


async def _race(incident: str, officers: tuple[Officer, Officer], streams: list[_Stream]) -> Race:
    began_s = time.monotonic()

    async def accept(officer: Officer) -> tuple[int, dict[str, Any], float]:
        answer = await officer.act(incident, "accept")
        return answer.status_code, answer.json(), time.monotonic() - began_s

    answers = await asyncio.gather(*(accept(officer) for officer in officers))
    statuses = sorted(status for status, _, _ in answers)
    if statuses != [200, 409]:
        return Race(False, max(took for _, _, took in answers), 0.0)
    loser = 0 if answers[0][0] == 409 else 1
    winner: str = answers[1 - loser][1]["incident"]["officer"]
    _, refusal, told_s = answers[loser]
    streamed, at_s = await streams[loser].accepted(incident)
    fair = refusal["code"] == "already_accepted" and refusal["officer"] == winner == streamed
    return Race(fair, told_s, at_s - began_s)
