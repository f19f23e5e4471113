"""What will happen next to each incident that nobody answered, what was tried, and by what people are reached. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel, Field

from contract.messages import AlertStatus, IncidentOrigin
from duty_desk.channels.attempts import Attempt
from duty_desk.channels.channel import Health
from duty_desk.channels.pager import Pager
from duty_desk.channels.schedule import Fault
from duty_desk.incidents.entries import PageOutcome
from duty_desk.incidents.escalation import Audience, Escalation, Rung
from duty_desk.incidents.incident import Incident
from duty_desk.web.view import Places, where

MAX_SHOWN: Final = 100
"""Incidents told at once, those that wait for longest."""
_MS: Final = 1_000_000

Tried = PageOutcome | Literal["sending"]


class TriedView(BaseModel):
    """How the latest page of a step, by one channel, to one person went. `who` is null for a channel that is nobody's
    own, and where there was nobody to page."""

    at_ms: int
    channel: str = Field(examples=["push"])
    who: str | None = Field(examples=["Petugas 1"])
    round: int = Field(description="How many times it was sent before.")
    outcome: Tried
    detail: str | None = None


class StepView(BaseModel):
    """A step. `at_ms` is when it was reached, or when it will be if nobody answers and nothing fails.

    `screens` is how many screens of those that it lets ring would ring now; null in the first seconds of a desk.
    `people` are those whom it would page now, or pages again at `again_at_ms`; `nobody` are its channels that go to
    people and reach none of them.
    """

    step: int
    at_ms: int
    reached: bool
    rings: list[str] = Field(examples=[["officer"]])
    screens: dict[str, int] | None = Field(examples=[{"officer": 2}])
    channels: list[str] = Field(examples=[["push"]])
    people: list[str] = Field(examples=[["Petugas 1"]])
    nobody: list[str] = Field(examples=[["sms"]])
    repeat_s: float | None
    again_at_ms: int | None
    tried: list[TriedView]


class UpcomingView(BaseModel):
    """An incident that nobody answered, with all its steps. `policy` is the name of what its steps are from, if any."""

    id: str
    origin: IncidentOrigin
    status: AlertStatus
    device: str | None
    button: str | None
    address: str | None = Field(examples=["Jl. Braga 10"])
    unanswered_since_ms: int
    policy: str | None
    steps: list[StepView]


class UpcomingViews(BaseModel):
    """The incidents, the one that waits for longest first; `more` are not told."""

    now_ms: int
    incidents: list[UpcomingView]
    more: int


class ReachView(BaseModel):
    """How somebody on duty is reached by a channel: whether it has an address, when it last worked and when they last
    said so; `fault` as of the channel."""

    who: str = Field(examples=["Petugas 1"])
    reached: bool
    worked_ms: int | None
    confirmed_ms: int | None
    fault: Fault | None


class ChannelView(BaseModel):
    """A channel. `fault`: null when it can be counted on; `untested`: it did not work within a day; `failing`: the last
    attempt failed, as `why` says; `down`: the last three did; `nobody`: it reaches nobody on duty; `unused`: nobody at
    all."""

    name: str = Field(examples=["push"])
    personal: bool
    fault: Fault | None
    why: str | None
    tested_ms: int | None
    worked_ms: int | None
    people: list[ReachView]


class ChannelViews(BaseModel):
    """The channels."""

    now_ms: int
    channels: list[ChannelView]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the views are made from. `display` tells the name of an account as people see it, `screens` how many of
    each audience would ring now, where that is known."""

    escalation: Escalation
    pager: Pager | None
    places: Places
    display: Callable[[str], str]
    wall_ns: int
    monotonic_ns: int
    screens: Mapping[Audience, int] | None = None


def upcoming(incidents: Iterable[Incident], desk: Desk, *, veil: bool) -> UpcomingViews:
    """Return what will happen next to each that nobody answered; with `veil` without addresses that were told."""
    waiting = [each for each in incidents if each.unanswered_since_ns is not None]
    waiting.sort(key=lambda each: each.unanswered_since_ns or 0)
    shown = [_upcoming(each, desk, veil=veil) for each in waiting[:MAX_SHOWN]]
    return UpcomingViews(now_ms=desk.wall_ns // _MS, incidents=shown, more=max(0, len(waiting) - MAX_SHOWN))


def upcoming_of(incident: Incident, desk: Desk, *, veil: bool) -> UpcomingView | None:
    """Return the same of one, or None when somebody answered it."""
    return None if incident.unanswered_since_ns is None else _upcoming(incident, desk, veil=veil)


def channels(desk: Desk) -> ChannelViews:
    """Return the channels, and how those on duty are reached by them."""
    pager = desk.pager
    names = [] if pager is None else list(pager.channels)
    shown = [] if pager is None else [_channel(name, pager, desk) for name in names]
    return ChannelViews(now_ms=desk.wall_ns // _MS, channels=shown)


def _upcoming(incident: Incident, desk: Desk, *, veil: bool) -> UpcomingView:
    plan = desk.escalation.plan(incident)
    place = where(incident, desk.places)
    sending = [] if desk.pager is None else desk.pager.sending(incident.id)
    return UpcomingView(
        id=incident.id,
        origin=incident.origin,
        status=incident.status,
        device=incident.device,
        button=incident.button,
        address=None if veil and incident.call is not None else place["address"],
        unanswered_since_ms=(incident.unanswered_since_ns or 0) // _MS,
        policy=None if plan is None else plan.name,
        steps=[_step(incident, rung, sending, desk) for rung in desk.escalation.ladder(incident)],
    )


def _step(incident: Incident, rung: Rung, sending: list[Attempt], desk: Desk) -> StepView:
    age_ns = desk.escalation.age_ns(incident, wall_ns=desk.wall_ns, monotonic_ns=desk.monotonic_ns) or 0
    reached = rung.step <= incident.step
    at_ns = incident.reached.get(rung.step, desk.wall_ns + rung.after_ns - age_ns)
    again_ns = None
    people: list[str] = []
    nobody: list[str] = []
    if desk.pager is not None and rung.channels:
        lines = [desk.pager.crew.lines[name] for name in rung.channels if name in desk.pager.crew.lines]
        whom = [who for who in desk.pager.crew.of(rung) if who not in incident.declined]
        people = [desk.display(who) for who in whom if any(who in line.reached for line in lines)]
        nobody = [line.name for line in lines if line.personal and not any(who in line.reached for who in whom)]
        if len(nobody) < len(lines):
            again_ns = desk.pager.attempts.next_round_ns(incident, rung, monotonic_ns=desk.monotonic_ns)
    return StepView(
        step=rung.step,
        at_ms=at_ns // _MS,
        reached=reached,
        rings=list(rung.new),
        screens=None if desk.screens is None else {one: desk.screens[one] for one in rung.new if one in desk.screens},
        channels=list(rung.channels),
        people=people,
        nobody=nobody,
        repeat_s=None if rung.repeat_ns is None else rung.repeat_ns / 1e9,
        again_at_ms=None if again_ns is None or not reached else (desk.wall_ns + again_ns) // _MS,
        tried=_tried(incident, rung, sending, desk),
    )


def _tried(incident: Incident, rung: Rung, sending: list[Attempt], desk: Desk) -> list[TriedView]:
    now = {(each.channel, each.who): each for each in sending if each.step == rung.step}
    done = [
        TriedView(
            at_ms=each.at_ns // _MS,
            channel=each.channel,
            who=None if each.who is None else desk.display(each.who),
            round=each.round,
            outcome=each.outcome,
            detail=each.detail,
        )
        for each in incident.pages.values()
        if each.step == rung.step and (each.channel, each.who) not in now
    ]
    going = [
        TriedView(
            at_ms=desk.wall_ns // _MS,
            channel=each.channel,
            who=None if each.who is None else desk.display(each.who),
            round=each.round,
            outcome="sending",
        )
        for each in now.values()
    ]
    return sorted(done + going, key=lambda each: (rung.channels.index(each.channel), each.who or ""))


def _channel(name: str, pager: Pager, desk: Desk) -> ChannelView:
    health = pager.schedule.health.get(name) or Health()
    line = pager.crew.lines[name]
    people = pager.people_on_duty() if line.personal else ()
    return ChannelView(
        name=name,
        personal=line.personal,
        fault=pager.fault(name),
        why=health.fault,
        tested_ms=_ms(health.tested_ns),
        worked_ms=_ms(health.worked_ns),
        people=[_reach(name, who, who in line.reached, pager, desk) for who in people],
    )


def _reach(name: str, who: str, reached: bool, pager: Pager, desk: Desk) -> ReachView:
    health = pager.schedule.each.get((name, who)) or Health()
    return ReachView(
        who=desk.display(who),
        reached=reached,
        worked_ms=_ms(health.worked_ns),
        confirmed_ms=_ms(health.people.get(who)),
        fault=pager.schedule.fault_of(name, who, desk.wall_ns) if reached else "unused",
    )


def _ms(time_ns: int | None) -> int | None:
    return None if time_ns is None else time_ns // _MS
