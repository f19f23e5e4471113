"""A box and a run of the desk that it has not heard: what waits for a receipt goes out at once."""

from __future__ import annotations

import time
from pathlib import Path

from contract import topics
from contract.messages import Lamps, encode
from edge_agent.clock import EARLIEST_NS
from tests.edge_agent.test_uplink import Box, S, box_on, kept


def _hear(box: Box, version: int, run: str | None) -> bool:
    """Let a lamp message come; return whether the press is due at once."""
    lamps = Lamps(device="box-1", version=version, centre_time_ns=EARLIEST_NS + S, lamps={"sos": "off"}, run=run)
    box.uplink._heard(topics.lamp("box-1"), encode(lamps), False)
    next_ns = box.presses.next_ns()
    assert next_ns is not None
    due = next_ns <= time.monotonic_ns()
    box.presses.due(time.monotonic_ns())
    return due


async def test_fault_35_what_has_no_receipt_is_sent_at_once_to_a_desk_that_was_not_heard_before(tmp_path: Path) -> None:
    async with box_on(tmp_path) as box:
        box.uplink.alarms.press(kept())
        assert not _hear(box, 1, None), "a desk that does not say"
        assert _hear(box, 2, "1795325400000")
        assert not _hear(box, 3, "1795325400000"), "the same again"
        assert not _hear(box, 4, None)
        assert _hear(box, 5, "1795325500000"), "another run, or the other desk"
        assert not _hear(box, 5, "1795325600000"), "not newer than the last word"
