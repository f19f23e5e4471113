"""An accepted incident that the next shift takes over by name."""

from __future__ import annotations

import pytest

from tests.duty_desk.access.conftest import until
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.duty.test_page import put, today, told


@pytest.mark.slow
async def test_what_is_taken_over_is_the_takers_also_after_a_restart_and_who_accepted_it_stays_known(
    desk: Desk,
) -> None:
    put(desk, f"jaga;Piket;{today()};00:00;24:00;petugas-2")
    await until(lambda: bool(desk.get("/api/duty")["roster"]), 15)
    async with box(desk.alarm) as street:
        await street.alarm(press_body(button="1"))
        await street.alarm(press_body(button="2"))
        await street.receipt("stored")
        await until(lambda: len(desk.incidents()) == 2, 15)
    accepted, unanswered = (each["id"] for each in desk.incidents())
    assert desk.post(f"/api/incidents/{accepted}/accept", {}, who="petugas-1")[0] == 200
    assert desk.post("/api/duty/take", {"incidents": [accepted, unanswered]}, who="petugas-2")[0] == 204

    def whose() -> dict[str, tuple[str | None, str | None, str]]:
        return {each["id"]: (each["officer"], each["accepted_by"], each["state"]) for each in desk.incidents()}

    after = {accepted: ("Petugas 2", "Petugas 1", "accepted"), unanswered: (None, None, "open")}
    assert whose() == after
    await until(lambda: len(told(desk, "incident_taken")) == 2, 15)
    desk.process.kill()
    desk.start()
    await until(lambda: len(desk.incidents()) == 2, 15)
    assert whose() == after
