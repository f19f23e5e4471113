"""How soon the desk shows what falls silent, and what boxes report days before it costs an alarm."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any, Literal

import pytest

from contract import topics
from contract.inventory import parse_inventory
from contract.messages import Books, Report, Status, encode
from contract.topics import Lane
from duty_desk.desk import DutyDesk
from duty_desk.lanes import KEEP_ALIVE_S
from duty_desk.presence import GRACE_ROUNDS
from duty_desk.supervision import CERTIFICATE_DAYS, Supervision, Trouble
from duty_desk.synthetic.trial import LANES
from duty_desk.web.view import Places
from tests.duty_desk.access.conftest import until
from tests.duty_desk.conftest import INVENTORY, Desk, box, living
from tests.duty_desk.pages.test_desk_docs import Outlet
from tests.duty_desk.synthetic.test_synthetic import Street

DAY_S = 86_400
NOW_S = 1_800_000_000


def report(device: str = "box-1", **more: Any) -> Report:
    books = Books(produced=0, receipted=0, waiting=0, dropped={})
    keys: dict[str, Any] = {"clock": "ntp", "certificate_ends_s": NOW_S + 90 * DAY_S}
    return Report(
        device=device,
        boot="1",
        timestamp_ns=0,
        software="0",
        readings=books,
        presses=books,
        faults={},
        **(keys | more),
    )


def status(device: str, lane: Lane, state: Literal["online", "offline"]) -> bytes:
    return encode(Status(device=device, lane=lane, state=state, boot="1", software="0"))


def test_a_clock_and_a_certificate_are_told_days_before() -> None:
    watch = Supervision(["box-1", "box-2"])
    assert watch.troubles(NOW_S) == []
    for device in ("box-1", "box-2"):
        watch.hear(device, report(device))
    assert watch.troubles(NOW_S) == []
    watch.hear("box-2", report("box-2", clock="none", certificate_ends_s=NOW_S + CERTIFICATE_DAYS * DAY_S - 8_640))
    assert watch.troubles(NOW_S) == [Trouble("box-2", "certificate", 13.9), Trouble("box-2", "clock")]
    assert [one.days for one in watch.troubles(NOW_S + 20 * DAY_S) if one.kind == "certificate"] == [-6.1]
    watch.hear("box-2", report("box-2"))
    assert watch.troubles(NOW_S) == [], "it was mended"
    # A stranger, and a box that speaks for another.
    for device, told in (("box-9", report("box-9", clock="none")), ("box-1", report("box-2", clock="none"))):
        watch.hear(device, told)
    assert watch.troubles(NOW_S) == []


async def test_the_desk_takes_reports_and_boxes_without_a_button(tmp_path: Path) -> None:
    street = Street(tmp_path)
    street.desk.hear("telemetry", topics.report("box-1"), encode(report(clock="none")), False)
    street.desk.hear("telemetry", topics.report("box-1"), b"{", False)
    assert street.desk.supervision.troubles(NOW_S) == [Trouble("box-1", "clock")]
    assert street.desk.refused["report: not json"] == 1
    assert street.desk.buttonless.missing == [], "each box of this street has one"


def test_a_path_that_falls_silent_is_noticed_within_10_s() -> None:
    assert 2 * KEEP_ALIVE_S + 2 <= 10


@pytest.mark.slow
async def test_what_boxes_report_is_on_the_page(desk: Desk) -> None:
    async with box(desk.telemetry) as street:
        soon = report(clock="none", certificate_ends_s=int(time.time()) + 3 * DAY_S)
        await street.client.publish(topics.report("box-1"), encode(soon), qos=1)
        await until(lambda: bool(desk.get("/api/synthetic")["troubles"]), 10)
    told = desk.get("/api/synthetic")
    assert [(one["device"], one["kind"]) for one in told["troubles"]] == [("box-1", "certificate"), ("box-1", "clock")]
    assert 2.9 < told["troubles"][0]["days"] <= 3
    assert (told["state"], told["clock"] in ("ntp", "none")) == ("no_key", True)
    health = desk.get("/healthz")
    assert (health["troubles"], health["clock"]) == ({"certificate": 1, "clock": 1}, told["clock"])


@pytest.mark.long
async def test_what_falls_silent_is_shown_within_its_goal(desk: Desk) -> None:
    """Frozen, and not ended: nothing closes a connection, as with a cable that was pulled."""

    def links() -> Any:
        return desk.get("/healthz")["links"]

    async with living(desk, "box-1"):
        await until(lambda: bool(desk.get("/healthz")["unreachable"] == 2), 30)
        took = {}
        for name, broker in (("alarm", desk.alarm), ("telemetry", desk.telemetry)):
            began_s = time.monotonic()
            os.kill(broker.pid, signal.SIGSTOP)
            try:
                await until(lambda name=name: not links()[name], 20)  # type: ignore[misc]
                took[f"{name} frozen"] = time.monotonic() - began_s
            finally:
                os.kill(broker.pid, signal.SIGCONT)
            await until(lambda: all(links().values()), 20)
        began_s = time.monotonic()
        await asyncio.to_thread(desk.alarm.stop)
        await until(lambda: not links()["alarm"], 20)
        took["alarm ended"] = time.monotonic() - began_s
        desk.alarm.launch()
        desk.alarm.wait_ready()
        await until(lambda: all(links().values()), 20)
    print(took)
    assert took["alarm frozen"] < 10.5
    assert took["telemetry frozen"] < 10.5
    assert took["alarm ended"] < 2
    assert GRACE_ROUNDS <= 20


def test_a_box_without_a_button_is_told_beside_the_others() -> None:
    buttonless = INVENTORY + '[[devices]]\nname = "box-4"\nlabel = "Kotak Sungai"\n'
    desk = DutyDesk("desk", Places(parse_inventory(buttonless, source="test")), Outlet(), lambda: NOW_S * 10**9)
    for lane in LANES:
        desk.link(lane, True)
        for device in ("box-1", "box-2", "box-3", "box-4"):
            desk.hear(lane, topics.status(device, lane), status(device, lane, "online"), True)
    for _ in range(GRACE_ROUNDS):
        desk.watch()
    assert (desk.presence.missing, desk.buttonless.missing) == ([], [])
    for lane in LANES:
        desk.hear(lane, topics.status("box-4", lane), status("box-4", lane, "offline"), False)
    desk.watch()
    assert [one.device for one in desk.buttonless.missing] == ["box-4"]
    assert desk.presence.missing == [], "officers are told of buttons"


@pytest.mark.parametrize("cause", ["tamper", "line_fault"])
async def test_tampering_and_a_line_fault_ring_at_once(tmp_path: Path, cause: str) -> None:
    street = Street(tmp_path)
    street.press(cause=cause, status="Actual")
    (incident,) = street.desk.board.active()
    assert (incident.origin, incident.unanswered, incident.step) == ("fault", 1, 0)
