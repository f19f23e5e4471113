"""The books of a real box, by its own reports, against what a real store counts: to the reading."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from collector.books import HOUR_NS, Mark
from collector.books_file import FILE, read_marks
from siaga.demo.stack import DemoStack, Size
from siaga.stack.influxdb import ADMIN, COLLECTOR
from store import Account, InfluxDB1
from tests.end_to_end.oracle import eventually, readings_in_the_outbox, stop_hardware, stored_fixes
from tests.end_to_end.readings_only import ReadingsOnly, running

pytestmark = pytest.mark.slow

_EDGE_S: Final = 1.0
_QUIET_S: Final = _EDGE_S + 1.0
_TAKES_S: Final = 60.0
"""What a stack and its test take, and more."""
_NARROW: Final = f"""
import collector.books_check
from siaga.main import main
collector.books_check._EDGE_NS = int({_EDGE_S} * 1e9)
main()
"""
"""The whole command, for which readings within 1 s of a report, not 5, may belong to either side of it."""


@pytest.fixture
def stack() -> Iterator[ReadingsOnly]:
    """Return a running stack of one box with a receiver at 5 Hz, still off.

    No hour ends while it runs: of readings on both sides of that moment one more or less could not be told.
    """
    left_s = (HOUR_NS - time.time_ns() % HOUR_NS) / 1e9
    time.sleep(left_s if left_s < _TAKES_S else 0.0)
    with running(Size(boxes=1, trackers_per_box=1, rate_hz=5)) as stack:
        yield stack


def test_the_books_of_a_box_balance_to_the_reading_and_one_that_is_deleted_is_missed(stack: ReadingsOnly) -> None:
    # Nothing is produced around both ends of the window, so that no reading may belong to either side of one.
    eventually(lambda: _last_report_ns(stack) > 0, "a report at which the books begin")
    time.sleep(_QUIET_S)
    stack.switch_on()
    eventually(lambda: stored_fixes(stack) > 5, "readings flow")
    stack.influxdb.kill()
    time.sleep(1)
    stack.collector.kill()
    stack.influxdb.start()
    stack.restart(stack.collector)
    eventually(lambda: stored_fixes(stack) > 15, "and after the store and the collector were dead")
    sent = _quiet(stack)
    quiet_ns = time.time_ns()
    eventually(lambda: _last_report_ns(stack) > quiet_ns, "a report after the last reading")
    assert stored_fixes(stack) == sent

    code, [row] = _books(stack)
    assert (code, row["state"], row["produced"]) == (0, "balanced", sent), row
    assert row["stored_within"] == [row["expected"]] * 2, row
    assert (row["produced"] - row["dropped"] - row["refused"], row["difference"]) == (row["stored"], 0)

    gone_ns = stack.influxdb.query("SELECT latitude FROM position ORDER BY time DESC LIMIT 5")[0]["values"][-1][0]
    asyncio.run(_delete(stack, gone_ns))
    code, told = _books(stack)
    (short,) = [row for row in told if row["state"] == "short"]
    assert (code, short["difference"], short["stored"]) == (1, -1, short["expected"] - 1), told
    assert short["why"] == "1 readings are neither stored nor accounted for"

    users = dict(stack.influxdb.administer("SHOW USERS")[0]["values"])
    assert not users[COLLECTOR], "who collects is no admin of the store"
    policies = {row[0] for row in stack.influxdb.query("SHOW RETENTION POLICIES")[0]["values"]}
    assert policies == {"autogen", "minute", "hour"}


def _quiet(stack: DemoStack) -> int:
    """Let no fix come any more, until all that did are stored and receipted, and for as long as an edge is wide.

    Return how many came.
    """
    # A frozen receiver would keep half of a fix, and end it much later.
    sent = stop_hardware(stack)
    eventually(
        lambda: (
            readings_in_the_outbox(stack) == 0 and (mark := _last(stack)) and (mark.produced, mark.waiting) == (sent, 0)
        ),
        "the box has its receipts",
    )
    time.sleep(_QUIET_S)
    return sent


def _last(stack: DemoStack) -> Mark | None:
    marks = read_marks(stack.folder / "collector" / FILE, "box-1", 0)
    return marks[-1] if marks else None


def _last_report_ns(stack: DemoStack) -> int:
    mark = _last(stack)
    return mark.timestamp_ns if mark else 0


def _books(stack: DemoStack) -> tuple[int, list[dict[str, Any]]]:
    command = [sys.executable, "-P", "-c", _NARROW, "collector", "books", "box-1", "--json"]
    config = str(stack.config / "collector.toml")
    told = subprocess.run([*command, "--config", config], capture_output=True, text=True, check=False)
    return told.returncode, [json.loads(line) for line in told.stdout.splitlines()]


async def _delete(stack: DemoStack, at_ns: int) -> None:
    admin = Account(ADMIN, stack.influxdb.password_file(ADMIN))
    async with InfluxDB1(stack.influxdb.url, stack.influxdb.database, admin) as store:
        await store.administer(f'DELETE FROM "position" WHERE time = {at_ns}')
