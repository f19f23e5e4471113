"""Pages of a real desk: what each is told, over a stream that is cut, and who is known to be there."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from contract.identity import new_event_id
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.screens.listener import Listener, listening
from tests.edge_agent.network_faults.proxy import Proxy

pytestmark = pytest.mark.slow
CUTS = 10


def alive(desk: Desk, page: str, *, who: str = "petugas-1", **more: Any) -> bool:
    """Tell that a page lives; return whether the desk knows its stream."""
    told = {"page": page, "sound": "on", "visible": True} | more
    status, answer = desk.post("/api/screens/alive", told, who=who)
    assert status == 200
    known: bool = answer["stream"]
    return known


@asynccontextmanager
async def living(desk: Desk, page: str, *, who: str = "petugas-1", **more: Any) -> AsyncIterator[None]:
    """Let a page tell each second that it lives."""

    async def tell() -> None:
        while True:
            await asyncio.to_thread(alive, desk, page, who=who, **more)
            await asyncio.sleep(1)

    task = asyncio.create_task(tell(), name="alive")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def check_whole(page: Listener) -> dict[str, Any]:
    """Check that nothing is left out and nothing doubled; return each incident as the page has it."""
    shown: dict[str, Any] = {}
    last: int | None = None
    for event in page.events:
        if event.name == "snapshot":
            shown = {each["id"]: each for each in event.data["incidents"]}
        else:
            assert event.number == (last or 0) + 1
        last = event.number
        if event.name == "incident":
            shown[event.data["incident"]["id"]] = event.data["incident"]
    return shown


async def test_a_stream_that_is_cut_at_random_bytes_under_load_leaves_no_gap(desk: Desk) -> None:
    """One page says by the header what it has, as browsers do by themselves, the other in the address."""
    draw = random.Random(7)
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(Proxy(desk.port, seed=seed)) for seed in (7, 8)]
        pages = [
            await stack.enter_async_context(listening(proxy.port, page=f"p{number}", by_query=number == 1))
            for number, proxy in enumerate(proxies)
        ]
        street = await stack.enter_async_context(box(desk.alarm))
        for page in pages:
            await page.wait("snapshot")
        number = 0
        while min(page.connects for page in pages) < CUTS:
            for proxy in proxies:
                if number % 5 == 0 and not proxy._cuts:
                    proxy.cut_after("down", draw.randrange(1, 6_000))
            await street.alarm(press_body("box-1", f"b{number % 40}", event_id=(event_id := new_event_id())))
            number += 1
            if number % 5 == 0:
                await street.receipt("ringing", event_id=event_id)  # in bursts, and no more than the desk keeps up with
        await street.receipt("stored", event_id=event_id)
        (first, *others) = desk.incidents()
        assert len(others) > 10
        assert desk.post(f"/api/incidents/{first['id']}/accept", {})[0] == 200
        for page in pages:
            await page.wait("incident", lambda told: told["incident"]["officer"] == "Petugas 1")
        now = {each["id"]: (each["presses"], each["state"]) for each in desk.incidents()}
        for page in pages:
            shown = check_whole(page)
            assert {key: (each["presses"], each["state"]) for key, each in shown.items()} == now
            assert sum(event.name == "snapshot" for event in page.events) == 1


async def test_a_page_that_comes_back_to_another_run_of_the_desk_begins_with_a_snapshot(desk: Desk) -> None:
    async with listening(desk.port) as page:
        await page.wait("snapshot")
        await page.wait("beat")
        desk.process.kill()
        desk.start()
        async with asyncio.timeout(15):
            while sum(event.name == "snapshot" for event in page.events) < 2:  # noqa: ASYNC110 - what came is kept
                await asyncio.sleep(0.02)
        assert len({event.run for event in page.events}) == 2


async def test_fault_36_a_page_that_sleeps_is_told_to_everybody_and_does_not_ring(desk: Desk) -> None:
    async with listening(desk.port, page="asleep", screen="Layar 2", who="petugas-2"), listening(desk.port) as page:
        await page.wait("screens", lambda told: len(told["screens"]) == 2)
        assert alive(desk, "asleep", who="petugas-2")
        assert not alive(desk, "asleep")
        async with living(desk, "p1"):
            told = await page.wait(
                "screens", lambda told: any(each["state"] == "asleep" for each in told["screens"]), timeout_s=15
            )
        by_name = {each["screen"]: each for each in told["screens"]}
        assert (by_name["Layar 2"]["name"], by_name["Layar 2"]["rings"]) == ("Petugas 2", False)
        assert (by_name["Layar 1"]["state"], by_name["Layar 1"]["rings"]) == ("live", True)
        assert desk.get("/healthz")["screens"] == {"live": 1, "hidden": 0, "behind": 0, "asleep": 1, "rings": 1}
        assert alive(desk, "asleep", who="petugas-2", sound="blocked")
        await page.wait("screens", lambda told: any(each["sound"] == "blocked" for each in told["screens"]))


async def test_pages_of_one_name_are_told_apart_and_a_program_is_no_screen(desk: Desk) -> None:
    async with listening(desk.port, page="a") as page, listening(desk.port, page="b"):
        told = await page.wait("screens", lambda told: len(told["screens"]) == 2)
        assert [each["screen"] for each in told["screens"]] == ["Layar 1", "Layar 1 (2)"]
        async with listening(desk.port, page="", screen="") as program:
            await program.wait("snapshot")
            assert desk.get("/healthz")["screens"]["live"] == 2
    good = {"sound": "on", "visible": True, "page": "a"}
    bad: list[dict[str, Any]] = [{}, {"sound": "loud"}, {"visible": 1}, {"page": "../x"}, {"revision": -1}, {"more": 1}]
    for change in bad:
        status, fault = desk.post("/api/screens/alive", good | change if change else {})
        assert (status, fault["code"]) == (422, "invalid"), change
