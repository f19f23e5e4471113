"""Pages of two desks: what the one that died had sent, and what the other sends on with the same phone."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from duty_desk.pair.memory import replace_file
from tests.duty_desk.channels.push_service import push_service
from tests.duty_desk.conftest import box
from tests.duty_desk.ledger.servers import Postgres
from tests.duty_desk.pair.conftest import Half, Presser, Two, two_desks, until
from tests.warm import Warm

pytestmark = pytest.mark.slow

REPEAT_S = 10
LEASE_S = 3
MORE = """lease_s = {lease_s}
[[escalation.policies]]
name = "kota lama"
devices = ["box-*"]
[[escalation.policies.steps]]
after_s = 0
rings = ["officer"]
channels = ["push"]
repeat_s = {repeat_s}
[channels.push]
services = ["{service}"]
"""


def _handed(two: Two) -> list[dict[str, Any]]:
    pages = [each for each in two.entries() if each["kind"] == "page" and "incident_id" in each]
    return [each for each in pages if each["outcome"] == "handed"]


async def _stands_by(half: Half, owner: Half, phone: str) -> None:
    """Start the other with the key of the owner, and wait until it has this phone of the owner's."""
    key, contacts = Path("data/push.pem"), Path("data/contacts.db")
    replace_file(half.desk.folder / key, (owner.desk.folder / key).read_bytes())
    await asyncio.to_thread(half.start)
    await until(lambda: half.health().get("status") == "standby" and half.health()["fault"] is None, 30.0)
    copy = half.desk.folder / contacts
    await until(lambda: copy.exists() and phone.encode() in copy.read_bytes(), 30.0)


async def test_fault_35_a_page_of_the_owner_that_died_is_not_sent_again_and_its_repeat_comes_at_its_time(
    tmp_path: Path, postgres: Postgres, warm: Warm
) -> None:
    async with push_service() as service:
        more = MORE.format(lease_s=LEASE_S, repeat_s=REPEAT_S, service=service.origin)
        async with two_desks(tmp_path, postgres, warm, more=more) as two, box(two.alarm) as street:
            owner, other = two.first, two.second
            await asyncio.to_thread(owner.start)
            await until(lambda: owner.owns)
            mine = service.browser()
            subscription = service.subscription(mine) | {"language": "id"}
            status, answer = await asyncio.to_thread(
                owner.desk.post, "/api/push/subscribe", subscription, who="petugas-1"
            )
            assert status == 200, answer
            await _stands_by(other, owner, service.endpoint(mine))

            pressed = time.monotonic()
            await Presser(street).until("stored")
            first = await service.wait(mine)
            await until(lambda: len(_handed(two)) == 1)
            owner.process.kill()
            killed = time.monotonic()
            second = await service.wait(mine, 2, timeout_s=REPEAT_S + 15.0)
            assert second.at_s - pressed > REPEAT_S - 0.5, "not again at once"
            # The lease was renewed within the second before it was killed.
            assert second.at_s - killed < REPEAT_S + LEASE_S - 1, "nor anew counted, from the take-over on"
            assert second.note["incident"] == first.note["incident"]
            assert second.vapid["k"] == first.vapid["k"], "the phone knows one key"
            await until(lambda: len(_handed(two)) == 2)
            assert [(each["round"], each["step"]) for each in _handed(two)] == [(0, 0), (1, 0)]
            assert other.owns
            assert len(mine.came) == 2
            assert service.refused == []
