"""What truly happened, and what each end says: the button's own list of presses and the store's count().

The simulated hardware knows how often its button was pressed and how many fixes its receiver sent; the product is held
against that.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from link import Endpoint, Session
from siaga.demo.desk_client import DeskClient
from siaga.demo.stack import DemoStack
from simulator.control import BoardControl
from simulator.layout import board_path, counts_path

_POLL_S: Final = 0.005
_CALM_S: Final = 0.05
"""A look costs processor time that the looked at would need: after a second there is time between two."""

_MARK: Final = "probe/mark"
"""A topic of the taps' own, outside the product's."""

T = TypeVar("T")


def eventually(look: Callable[[], T], what: str, timeout_s: float = 60.0, *, calm_s: float = _CALM_S) -> T:
    """Return what `look` returns as soon as that is true; fail, naming `what`, when it is not in time.

    After a second it looks each `calm_s` only.
    """
    began = time.monotonic()
    while True:
        seen = look()
        if seen:
            return seen
        took_s = time.monotonic() - began
        assert took_s < timeout_s, f"not within {timeout_s:g} s: {what} (last seen: {seen!r})"
        time.sleep(_POLL_S if took_s < 1 else calm_s)


def press(stack: DemoStack, box: str = "box-1", hold_ms: int = 50) -> int:
    """Press a button, and wait until it is let go; return how often it was pressed by its own count."""
    with BoardControl(board_path(stack.hardware, box)) as board:
        number = board.press(hold_ms=hold_ms).number
    time.sleep(hold_ms / 1_000)
    eventually(lambda: _is_up(stack, box), "the button is let go")
    return number


def _is_up(stack: DemoStack, box: str) -> bool:
    with BoardControl(board_path(stack.hardware, box)) as board:
        return not board.level()


def pressed(stack: DemoStack, box: str = "box-1") -> int:
    """Return how often a button was pressed, by its own list."""
    with BoardControl(board_path(stack.hardware, box)) as board:
        return len(board.presses())


def rows_at_the_desk(stack: DemoStack, *, recorded: bool = True) -> list[dict[str, Any]]:
    """Return every press the desk shows, each with its device; with `recorded`, none while one is not recorded yet."""
    with DeskClient(stack.page, stack.accounts) as desk:
        incidents = desk.incidents()
    if recorded and not all(incident["recorded"] for incident in incidents):
        return []
    return [{**row, "device": incident["device"]} for incident in incidents for row in incident["rows"]]


def presses_in_the_ledger(stack: DemoStack) -> list[str]:
    """Return the keys of all presses in the ledger's file, repeats included."""
    return [alarm["key"] for alarm in _alarms_in_the_ledger(stack)]


def recorded(stack: DemoStack, box: str) -> int:
    """Return how many presses of a box are in the ledger's file."""
    return sum(alarm["device"] == box for alarm in _alarms_in_the_ledger(stack))


def _alarms_in_the_ledger(stack: DemoStack) -> list[dict[str, Any]]:
    ledger = stack.folder / "desk" / "ledger.db"
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as connection:
        bodies = [json.loads(body) for (body,) in connection.execute("SELECT body FROM entry ORDER BY sequence")]
    return [body["alarm"] for body in bodies if body["kind"] == "press"]


def presses_in_the_outbox(stack: DemoStack, box: str = "box-1") -> int:
    """Return how many presses a box still keeps on its disk."""
    outbox = stack.folder / box / "alarms.db"
    with sqlite3.connect(f"file:{outbox}?mode=ro", uri=True) as connection:
        return int(connection.execute("SELECT count(*) FROM press").fetchone()[0])


def readings_in_the_outbox(stack: DemoStack, box: str = "box-1") -> int:
    """Return how many readings a box keeps on its disk."""
    outbox = stack.folder / box / "telemetry.db"
    with sqlite3.connect(f"file:{outbox}?mode=ro", uri=True) as connection:
        return int(connection.execute("SELECT coalesce(sum(readings), 0) FROM kept").fetchone()[0])


def assert_each_press_is_there_once(stack: DemoStack) -> None:
    """Hold the desk, its ledger and the boxes' outboxes against the buttons' own lists."""
    expected = Counter({box: pressed(stack, box) for box in stack.boxes})
    total = expected.total()
    eventually(lambda: len(rows_at_the_desk(stack)) >= total, f"{total} presses recorded at the desk")
    eventually(lambda: not any(presses_in_the_outbox(stack, box) for box in stack.boxes), "the boxes have receipts")
    rows = rows_at_the_desk(stack)
    assert Counter(row["device"] for row in rows) == +expected
    assert len({row["key"] for row in rows}) == total
    assert sorted(presses_in_the_ledger(stack)) == sorted(row["key"] for row in rows)


def stored_fixes(stack: DemoStack) -> int:
    """Return the store's own count of positions."""
    series = stack.influxdb.query("SELECT count(latitude) FROM position")
    return int(series[0]["values"][0][1]) if series else 0


def stop_hardware(stack: DemoStack) -> int:
    """Stop the simulated hardware; return how many fixes its receivers sent and a reader took whole."""
    stack.simulator.stop()
    counts = json.loads(counts_path(stack.hardware).read_text(encoding="utf-8"))
    return sum(count["sent"] for count in counts.values())


def assert_each_reading_is_there_once(stack: DemoStack) -> None:
    """Stop the receivers and hold the store's count against what they sent."""
    sent = stop_hardware(stack)
    assert sent > 0
    eventually(lambda: stored_fixes(stack) >= sent, f"{sent} fixes in the store")
    assert stored_fixes(stack) == sent


class Tap:
    """Listens on a broker beside the product and counts what passes, by the identity a body names.

    Args:
        broker: Where to listen.
        topic_filter: What to listen to.
        identity: Makes the identity of a decoded body.
    """

    def __init__(self, broker: Endpoint, topic_filter: str, identity: Callable[[dict[str, Any]], object]) -> None:
        self._endpoint = broker
        self._filter = topic_filter
        self._identity = identity
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), name="tap")
        self._standing = threading.Event()
        self._marked = threading.Event()
        self._publish_mark: Callable[[], object] = lambda: None
        self._stop: Callable[[], object] = lambda: None
        self.seen: Counter[object] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._standing.wait(10), "the tap is not connected"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._thread.join(10)

    def catch_up(self) -> None:
        """Wait until the broker did all that was asked of it before, by message or signal, and all of it is counted.

        A mark goes to the broker and back. Mosquitto takes a signal at the end of a round in which it reads its
        sockets, so that the first mark may overtake one; the second does not.
        """
        for _ in range(2):
            self._marked.clear()
            self._publish_mark()
            assert self._marked.wait(10), "the broker does not answer the tap"

    async def _listen(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(stop.set)
        session = Session(
            self._endpoint,
            "tap",
            subscriptions=(self._filter, _MARK),
            on_message=self._hear,
            on_connect=self._standing.set,
        )
        self._publish_mark = lambda: asyncio.run_coroutine_threadsafe(session.publish(_MARK, b""), loop)
        task = asyncio.create_task(session.run(), name="tap")
        await stop.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def _hear(self, topic: str, body: bytes, retained: bool) -> None:
        if topic == _MARK:
            self._marked.set()
            return
        self.seen[self._identity(json.loads(body))] += 1
