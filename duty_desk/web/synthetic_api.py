"""Test presses over HTTP: the share in time, the error budget, how long each hop takes, what is broken, each box."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from fastapi import FastAPI
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError

from contract.time_quality import ClockSource
from duty_desk.desk import DutyDesk
from duty_desk.errors import LedgerUnreadableError
from duty_desk.synthetic.summary import NOTHING, TARGET, Last, Summary, summarize
from duty_desk.synthetic.trial import By, Hop, Outcome
from duty_desk.web.acting_api import FAULTS
from duty_desk.web.pages import add_page
from duty_desk.web.session_api import needs

_MS = 1_000_000


class ShareView(BaseModel):
    """How many tests within `days` were in time. `share` is 0 to 1; `budget_left` is 1 to 0, and below 0 when it is
    overdrawn; both are null without tests."""

    days: int = Field(examples=[30])
    tests: int
    in_time: int
    share: float | None
    budget_left: float | None


class HopView(BaseModel):
    """How long it took to a hop since the command was sent, over the last day; `broken_since_ms` when it is broken."""

    hop: Hop
    count: int
    p50_ms: float | None
    p99_ms: float | None
    broken_since_ms: int | None


class BoxView(BaseModel):
    """A box with buttons and its last test, null where there was none. `unreachable`: it is not tested."""

    device: str = Field(examples=["box-1"])
    label: str
    unreachable: bool
    button: str | None
    at_ms: int | None
    by: By | None
    outcome: Outcome | None
    missing: list[Hop]
    detail: str | None
    alarm_ms: float | None
    telemetry_ms: float | None


class TroubleView(BaseModel):
    """What a box reported that has to be mended soon: its clock, or its certificate, which ends in so many `days`;
    `silent`: a box without a button that is heard no more; `never`: one that was never connected."""

    device: str
    label: str
    kind: Literal["clock", "certificate", "silent", "never"]
    days: float | None


class SyntheticView(BaseModel):
    """What the test presses tell. `state`: `no_key`, `off` by the settings, or `on`; `target` is the share that shall
    be in time. `clock` is `none` while nobody keeps the desk's own clock."""

    now_ms: int
    state: Literal["on", "off", "no_key"]
    each_s: int
    target: float
    shares: list[ShareView]
    hops: list[HopView]
    boxes: list[BoxView]
    clock: ClockSource
    troubles: list[TroubleView]


def add_synthetic(app: FastAPI, desk: DutyDesk, each_s: int) -> None:
    """Add the page and what it reads."""

    add_page(app, "synthetic", "see")

    @app.get("/api/synthetic", dependencies=[needs("see")], responses=FAULTS)
    async def synthetic() -> SyntheticView:
        """Tell whether an alarm would come now, and how sure that is: from presses that were made for it."""
        now_ns = time.time_ns()
        summary = await asyncio.to_thread(_read, desk, now_ns)
        state: Literal["on", "off", "no_key"] = "no_key" if not desk.commander.able else "on" if each_s else "off"
        return SyntheticView(
            now_ms=now_ns // _MS,
            state=state,
            each_s=each_s,
            target=TARGET,
            shares=[
                ShareView(
                    days=one.days,
                    tests=one.tests,
                    in_time=one.in_time,
                    share=one.share,
                    budget_left=one.budget_left,
                )
                for one in summary.shares
            ],
            hops=_hops(desk, summary),
            boxes=_boxes(desk, summary),
            clock=desk.board.clock,
            troubles=_troubles(desk, now_ns),
        )


def _read(desk: DutyDesk, now_ns: int) -> Summary:
    book = desk.synthetic.book
    if book is None:
        return NOTHING
    try:
        with book.engine().connect() as connection:
            return summarize(connection, now_ns)
    except (SQLAlchemyError, OSError) as error:
        raise LedgerUnreadableError(str(getattr(error, "orig", None) or error)) from None


def _hops(desk: DutyDesk, summary: Summary) -> list[HopView]:
    since = {broken.hop: broken.since_ns // _MS for broken in desk.synthetic.judge.broken}
    return [
        HopView(
            hop=one.hop,
            count=one.count,
            p50_ms=one.p50_ms,
            p99_ms=one.p99_ms,
            broken_since_ms=since.get(one.hop),
        )
        for one in summary.hops
    ]


def _troubles(desk: DutyDesk, now_ns: int) -> list[TroubleView]:
    told = [
        TroubleView(device=one.device, label=_label(desk, one.device), kind=one.kind, days=one.days)
        for one in desk.supervision.troubles(now_ns / 1e9)
    ]
    silent = [
        TroubleView(
            device=one.device,
            label=_label(desk, one.device),
            kind="never" if desk.buttonless.never(one.device) else "silent",
            days=None,
        )
        for one in desk.buttonless.missing
    ]
    return told + silent


def _label(desk: DutyDesk, device: str) -> str:
    known = desk.places.device(device)
    return device if known is None else known.label


def _boxes(desk: DutyDesk, summary: Summary) -> list[BoxView]:
    lasts = {one.device: one for one in summary.boxes}
    missing = {one.device for one in desk.presence.missing}
    return [_box(desk, device, lasts.get(device), device in missing) for device in desk.places.devices_with_buttons()]


def _box(desk: DutyDesk, device: str, last: Last | None, unreachable: bool) -> BoxView:
    label = _label(desk, device)
    if last is None:
        return BoxView(
            device=device,
            label=label,
            unreachable=unreachable,
            button=None,
            at_ms=None,
            by=None,
            outcome=None,
            missing=[],
            detail=None,
            alarm_ms=None,
            telemetry_ms=None,
        )
    return BoxView.model_validate(
        {
            "device": device,
            "label": label,
            "unreachable": unreachable,
            "button": last.button,
            "at_ms": last.at_ns // _MS,
            "by": last.by,
            "outcome": last.outcome,
            "missing": list(last.missing),
            "detail": last.detail,
            "alarm_ms": last.alarm_ms,
            "telemetry_ms": last.telemetry_ms,
        }
    )
