"""The desk's drills: started and stopped by a command on the desk's machine, played into the desk's own intake.

Each page of the desk shows the one that runs. The next start ends one that ran when the desk ended, in the ledger.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final

from contract import topics
from contract.identity import new_event_id, new_stream_id
from contract.messages import IncidentState, Press, encode
from duty_desk.acts import Acts
from duty_desk.desk import DutyDesk
from duty_desk.drills.drill import Drill, End
from duty_desk.drills.script import Step, check_places, told_script
from duty_desk.duty.records import duty_record
from duty_desk.errors import DeskError, DrillError, UnknownIncidentError
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.board import Report
from duty_desk.incidents.clock import Now
from duty_desk.incidents.entries import DutyEntry, DutyWhat
from duty_desk.incidents.records import Record
from duty_desk.web.view import json_bytes

LOOK_S: Final = 0.2
TELLER: Final = Actor(name="Latihan", role="call_taker", screen="Latihan")
"""Who reports the calls of a drill."""

_log = logging.getLogger("siaga.desk.drills")


class Drills:
    """The drill that runs, if one does.

    Args:
        desk: The desk.
        now_ns: The centre's clock.
        monotonic_ns: The monotonic clock.
    """

    def __init__(self, desk: DutyDesk, now_ns: Now, monotonic_ns: Callable[[], int]) -> None:
        self._desk = desk
        self._acts = Acts(desk, now_ns)
        self._now_ns = now_ns
        self._monotonic_ns = monotonic_ns
        self._stream = new_stream_id()
        self._numbers = itertools.count(1)
        self.drill: Drill | None = None
        self._at_ns = 0
        self._restarted: str | None = None

    def adopt(self, past: Iterable[Record]) -> None:
        """Take what the ledger has of drills: one without an end, that is not this desk's own, ended with a restart."""
        left: DutyEntry | None = None
        for record in past:
            match record.entry:
                case DutyEntry(what="drill_began") as left:
                    pass
                case DutyEntry(what="drill_ended"):
                    left = None
                case _:
                    pass
        if left is not None and self.drill is None and left.at_ns != self._at_ns:
            self._restarted = left.detail or ""
            self._note("drill_ended", _end_words(self._restarted, "restarted"), None)

    def shown(self) -> dict[str, Any] | None:
        """Return the drill that runs, as every page of the desk shows it; None without one."""
        drill = self.drill
        if drill is None:
            return None
        return {
            "name": drill.script.name,
            "began_ms": self._at_ns // 1_000_000,
            "steps": len(drill.script.steps),
            "done": drill.done,
        }

    async def run(self) -> None:
        """Play what is due, for ever."""
        while True:
            self.tick()
            await asyncio.sleep(LOOK_S)

    def tick(self) -> None:
        """Play the steps that are due now, and end the drill when it is over."""
        drill = self.drill
        if drill is None:
            return
        for step in drill.due(self._monotonic_ns()):
            try:
                self._play(drill, step)
            except DeskError as error:
                _log.error("a step of the drill %r was not possible: %s", drill.script.name, error)
        end = drill.over(self._states(drill), self._monotonic_ns())
        if end is not None:
            self._end(drill, end, who=None)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer `{"drill": {"start": SCRIPT, "who": …}}`, `{"drill": {"stop": true, "who": …}}` or `{"drill": {}}`.

        The answer is the drill that runs, as `name`, `steps`, `done`, `incidents`, or nothing of it but `restarted`,
        the one that this desk's start ended; or `error` with `detail`: `not understood`, `no such button`,
        `runs already`, `none runs`.
        """
        try:
            match request.get("drill"):
                case {"start": script, "who": str(who)}:
                    self._start(script, who)
                case {"stop": True, "who": str(who)}:
                    if self.drill is None:
                        raise DrillError("none runs")
                    self._end(self.drill, "stopped", who=who)
                case dict(asked) if not asked:
                    pass
                case _:
                    raise DrillError("not understood")
        except DrillError as error:
            return {"error": error.code, "detail": error.detail}
        return self._told()

    def _start(self, value: Any, who: str) -> None:
        script = told_script(value)
        check_places(script, self._desk.places.inventory)
        if self.drill is not None:
            raise DrillError("runs already", self.drill.script.name)
        self.drill, self._restarted = Drill(script, self._monotonic_ns()), None
        self._at_ns = self._note("drill_began", script.name, who)
        self._tell()
        self.tick()

    def _end(self, drill: Drill, end: End, *, who: str | None) -> None:
        self.drill = None
        self._note("drill_ended", _end_words(drill.script.name, end), who)
        self._tell()

    def _tell(self) -> None:
        self._desk.push.send("beat", json_bytes(self._desk.beat()))

    def _play(self, drill: Drill, step: Step) -> None:
        if step.call is not None:
            report = Report(
                key=str(uuid.uuid4()),
                origin="call",
                category=step.call,
                status="Exercise",
                latitude=step.latitude,
                longitude=step.longitude,
                text=step.note,
            )
            drill.opened(str(self._acts.report(report, TELLER)["id"]))
            return
        assert step.device is not None
        assert step.button is not None
        press = Press(
            event_id=new_event_id(),
            device=step.device,
            button=step.button,
            cause="press",
            status="Exercise",
            pressed_at_ns=self._now_ns(),
            clock="ntp" if self._desk.board.clock == "ntp" else "none",
            age_ms=0,
            stream=self._stream,
            sequence=next(self._numbers),
            detail=f"drill: {drill.script.name}",
        )
        self._desk.hear("alarm", topics.alarm(step.device), encode(press), retained=False)
        for incident in self._desk.board.of_device(step.device):
            if any(row.key == press.event_id for row in incident.rows):
                drill.opened(incident.id)

    def _states(self, drill: Drill) -> list[IncidentState]:
        states: list[IncidentState] = []
        for incident_id in drill.incidents:
            try:
                states.append(self._desk.board.find(incident_id).state)
            except UnknownIncidentError:
                continue  # it ended so long ago that memory has let it go
        return states

    def _told(self) -> dict[str, Any]:
        drill = self.drill
        if drill is None:
            return {"runs": False} | ({} if self._restarted is None else {"restarted": self._restarted})
        return {
            "runs": True,
            "name": drill.script.name,
            "steps": len(drill.script.steps),
            "done": drill.done,
            "incidents": list(drill.incidents),
        }

    def _note(self, what: DutyWhat, detail: str, who: str | None) -> int:
        """Write it down; return its time."""
        at_ns = self._now_ns()
        self._desk.note(duty_record(what, at_ns=at_ns, at_clock=self._desk.board.clock, who=who, detail=detail))
        return at_ns


def _end_words(name: str, end: End) -> str:
    return f"{name}: {end}"
