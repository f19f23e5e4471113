"""Nuisance triage over HTTP: which buttons call for nothing too often, and what to do about each."""

from __future__ import annotations

import time

from fastapi import FastAPI
from pydantic import BaseModel, Field

from duty_desk.desk import DutyDesk
from duty_desk.ledger.archive import Archive
from duty_desk.triage.judge import Action, Count, Sign, Verdict, judge
from duty_desk.triage.query import cases
from duty_desk.web.acting_api import FAULTS
from duty_desk.web.archive_api import read
from duty_desk.web.pages import add_page
from duty_desk.web.session_api import needs
from duty_desk.web.view import Places


class CountView(BaseModel):
    """What a button did within `days` until now. `false_share`, 0 to 1, is of what ended; null where nothing did."""

    days: int = Field(examples=[7])
    incidents: int
    presses: int
    false_alarms: int
    faults: int
    false_share: float | None


class ButtonView(BaseModel):
    """A button; `hours`, with the sign `same_hours`: from the first hour of the day until before the second."""

    device: str = Field(examples=["box-1"])
    button: str = Field(examples=["sos"])
    address: str | None = Field(examples=["Jl. Braga 10"])
    counts: list[CountView]
    signs: list[Sign]
    action: Action | None
    hours: tuple[int, int] | None


class TriageView(BaseModel):
    """Each button that did anything within 30 days, the worst first. Nothing of it holds a press back."""

    now_ms: int
    buttons: list[ButtonView]


def add_triage(app: FastAPI, desk: DutyDesk, archive: Archive) -> None:
    """Add the page and what it reads."""

    add_page(app, "triage", "archive")

    @app.get("/api/triage", dependencies=[needs("archive")], responses=FAULTS)
    async def triage() -> TriageView:
        """Tell which buttons call for nothing too often, and what to do about each."""
        now_ns = time.time_ns()
        verdicts = await read(archive.ask(lambda connection: judge(cases(connection, now_ns, desk.duty.zone), now_ns)))
        return TriageView(now_ms=now_ns // 1_000_000, buttons=[button_view(one, desk.places) for one in verdicts])


def button_view(verdict: Verdict, places: Places) -> ButtonView:
    """Return a verdict with the place that the inventory knows."""
    button = places.button(verdict.device, verdict.button)
    return ButtonView(
        device=verdict.device,
        button=verdict.button,
        address=None if button is None else button.address,
        counts=[_count(count) for count in verdict.counts],
        signs=list(verdict.signs),
        action=verdict.action,
        hours=verdict.hours,
    )


def _count(count: Count) -> CountView:
    return CountView(
        days=count.days,
        incidents=count.incidents,
        presses=count.presses,
        false_alarms=count.false_alarms,
        faults=count.faults,
        false_share=count.false_share,
    )
