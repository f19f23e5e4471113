"""Who is on duty, over HTTP: the page, what it shows, and what officers do there."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Annotated, Any, Final

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from contract.identity import EventId
from contract.messages import IncidentOrigin, IncidentState, Word
from duty_desk.access.door import Visitor
from duty_desk.access.roles import may, may_read
from duty_desk.desk import DutyDesk
from duty_desk.duty.duty import Duty
from duty_desk.duty.faults import FaultKind
from duty_desk.duty.reach import CONSOLE, WayState
from duty_desk.duty.roster import Part, Turn
from duty_desk.duty.shifts import EARLY_NS, enabled
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.clock import Now
from duty_desk.incidents.incident import Incident
from duty_desk.web.faults import Fault
from duty_desk.web.pages import add_page
from duty_desk.web.session_api import actor, needs
from duty_desk.web.view import json_bytes, where

_MS: Final = 1_000_000
MAX_TAKEN_AT_ONCE: Final = 1_000
FAULTS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Fault} for status in (401, 403, 404, 409, 413, 415, 422)
}


class Confirm(BaseModel):
    """That a channel's test arrived, or with `console` that somebody is there."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    channel: Word = CONSOLE


class TakeOver(BaseModel):
    """That somebody takes over these incidents by name; with none only that they are there."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    incidents: Annotated[list[EventId], Field(max_length=MAX_TAKEN_AT_ONCE)] = Field(default_factory=list)


class Quiet(BaseModel):
    """How many faults rang, and are quiet now."""

    quiet: int


class WayView(BaseModel):
    """A channel of a person: how it stands in this turn, and when it was last tried and confirmed."""

    channel: str = Field(examples=["push"])
    state: WayState
    tried_ms: int | None
    worked_ms: int | None
    confirmed_ms: int | None
    fault: str | None


class PersonView(BaseModel):
    """Somebody on duty, or next. `channels` is null where the desk has none that go to people."""

    name: str = Field(examples=["Petugas 1"])
    part: Part
    shift: str = Field(examples=["Malam"])
    begin_ms: int | None
    end_ms: int | None
    confirmed: bool
    channels: list[WayView] | None


class UntakenView(BaseModel):
    """An incident from before the last change of shift that nobody on duty has taken over."""

    id: str
    state: IncidentState
    origin: IncidentOrigin
    address: str | None = Field(examples=["Jl. Braga 10"])
    officer: str | None
    opened_at_ms: int


class DutyFaultView(BaseModel):
    """A fault that stands. `who` is whom it is about, or empty; `detail` a number or a time for its words."""

    kind: FaultKind
    who: str
    detail: str
    since_ms: int
    rings: bool


class WokenView(BaseModel):
    """How often somebody was paged and answered at night in the last seven days, and in how many nights."""

    name: str
    paged: int
    answered: int
    nights: int


class MineView(BaseModel):
    """What the one who asks may do: whether they are on duty or soon will be, and have confirmed it."""

    on_duty: bool
    may_take: bool
    confirmed: bool


class DutyView(BaseModel):
    """Who is on duty. Without a roster (`roster` false) every officer is, and nobody's turn has an end."""

    now_ms: int
    roster: bool
    now: list[PersonView]
    next: list[PersonView]
    faults: list[DutyFaultView]
    untaken: list[UntakenView]
    woken: list[WokenView]
    mine: MineView


def add_duty(app: FastAPI, desk: DutyDesk, now_ns: Now = time.time_ns) -> None:
    """Add the page of who is on duty, what it shows, and what officers do there."""
    duty = desk.duty

    add_page(app, "duty", "see")

    @app.get("/api/duty", responses=FAULTS)
    async def show(visitor: Annotated[Visitor, needs("see")]) -> DutyView:
        """Tell who is on duty now and next, by what they are reached, what is wrong, and what nobody has taken over.

        The address of a call, and who was woken, are for who may see the archive.
        """
        return _view(desk, visitor, now_ns())

    @app.post("/api/duty/confirm", status_code=204, responses=FAULTS)
    async def confirm(
        body: Confirm, who: Annotated[Actor, actor("act")], visitor: Annotated[Visitor, needs("act")]
    ) -> None:
        """Say that a channel's test arrived, or that one is there."""
        duty.confirm(visitor.login, who.name, body.channel, who.screen)
        _tell(desk)

    @app.post("/api/duty/take", status_code=204, responses=FAULTS)
    async def take(
        body: TakeOver, who: Annotated[Actor, actor("act")], visitor: Annotated[Visitor, needs("act")]
    ) -> None:
        """Take over open incidents by name, and so confirm the shift."""
        for incident_id in body.incidents:
            desk.board.find(incident_id)
        duty.take_over(visitor.login, who.name, dict.fromkeys(body.incidents), who.screen)
        _tell(desk)

    @app.post("/api/duty/seen", responses=FAULTS)
    async def seen(who: Annotated[Actor, actor("act")]) -> Quiet:
        """Let the faults that ring be quiet, as somebody has seen them.

        For half an hour where a press may reach nobody, else until they end.
        """
        quiet = duty.saw()
        _tell(desk)
        return Quiet(quiet=quiet)


def _tell(desk: DutyDesk) -> None:
    desk.push.send("beat", json_bytes(desk.beat()))


def _view(desk: DutyDesk, visitor: Visitor, now_ns: int) -> DutyView:
    duty, reader = desk.duty, may_read(visitor.role)
    seen, roster = duty.seen(), duty.roster
    if roster is None:
        now = [_person(duty, who, "officer", None) for who in duty.officers(now_ns)]
        now += [_person(duty, who, "supervisor", None) for who in duty.supervisors(now_ns)]
        later: list[PersonView] = []
    else:
        now = [_turn(duty, turn) for turn in enabled(roster.at(now_ns), seen.accounts)]
        later = [_turn(duty, turn) for turn in enabled(roster.after(now_ns), seen.accounts)]
    on = visitor.login in duty.shifts.began
    return DutyView(
        now_ms=now_ns // _MS,
        roster=roster is not None,
        now=now,
        next=later,
        faults=[DutyFaultView(**fault) for fault in duty.beat()["faults"]],
        untaken=_untaken(desk, duty.untaken(desk.board.active()), reader=reader),
        woken=[
            WokenView(name=duty.display(each.who), paged=each.paged, answered=each.answered, nights=each.nights)
            for each in duty.fatigue.woken(now_ns)
        ]
        if reader
        else [],
        mine=MineView(
            on_duty=on,
            may_take=may(visitor.role, "act") and duty.shifts.may_take(seen, visitor.login, now_ns),
            confirmed=on and duty.shifts.is_confirmed(visitor.login),
        ),
    )


def _turn(duty: Duty, turn: Turn) -> PersonView:
    return _person(duty, turn.who, turn.part, turn)


def _person(duty: Duty, who: str, part: Part, turn: Turn | None) -> PersonView:
    ways = duty.ways(who)
    shifts = duty.shifts
    since_ns = shifts.began.get(who, 0 if turn is None else turn.begin_ns) - EARLY_NS
    return PersonView(
        name=duty.display(who),
        part=part,
        shift="" if turn is None else turn.shift,
        begin_ms=None if turn is None else turn.begin_ns // _MS,
        end_ms=None if turn is None else turn.end_ns // _MS,
        confirmed=shifts.confirmed.get(who, 0) >= since_ns and turn is not None,
        channels=None if ways is None else [_way(duty, who, channel, since_ns) for channel in ways],
    )


def _way(duty: Duty, who: str, channel: str, since_ns: int) -> WayView:
    way = duty.shifts.reach.way(who, channel)
    return WayView(
        channel=channel,
        state=way.state(since_ns),
        tried_ms=_ms(way.tried_ns),
        worked_ms=_ms(way.worked_ns),
        confirmed_ms=_ms(way.confirmed_ns),
        fault=way.fault,
    )


def _untaken(desk: DutyDesk, incidents: Iterable[Incident], *, reader: bool) -> list[UntakenView]:
    return [
        UntakenView(
            id=incident.id,
            state=incident.state,
            origin=incident.origin,
            address=where(incident, desk.places)["address"] if reader or incident.call is None else None,
            officer=incident.officer,
            opened_at_ms=incident.opened_at_ns // _MS,
        )
        for incident in incidents
    ]


def _ms(time_ns: int | None) -> int | None:
    return None if time_ns is None else time_ns // _MS
