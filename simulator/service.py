"""One process that stands for the hardware of a city's boxes: their boards and their serial lines."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from simulator.board import Board
from simulator.chip import ChipBoard
from simulator.layout import (
    BUTTON,
    DUTY_ROOM,
    SIREN,
    board_path,
    box_name,
    chip_path,
    counts_path,
    sensor_name,
    tracker_path,
)
from simulator.nmea import epoch_sentences
from simulator.pty_line import PtyLine
from simulator.standing import Standing
from simulator.streets import City, Place, load_city
from simulator.tracker import Tracker

_MAX_DRIFT_NS: Final = 1_000_000_000
_LAST_BYTES_S: Final = 0.3
_log = logging.getLogger("siaga.simulator")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to simulate.

    `rate_hz` from 0.1 to 10; the first tracker of the first box drives along the first street, and so on, but those of
    a box of `places` stand there. `chip` is the box whose board is a microcontroller with the firmware of the folder
    `firmware`.
    """

    folder: Path
    boxes: int
    rate_hz: float = 1.0
    trackers_per_box: int = 1
    seed: int = 1
    chip: str | None = None
    firmware: Path | None = None
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(slots=True)
class Counts:
    """What a tracker sent: epochs that a reader got whole, and epochs nobody got."""

    sent: int = 0
    lost: int = 0

    def flushed(self, epochs: int) -> None:
        """Move epochs that a reader threw away unread from sent to lost."""
        self.sent -= epochs
        self.lost += epochs


class Epochs:
    """The moments of a tracker's fixes in UTC, a period apart, aligned to the period. Pure.

    A receiver's fixes are spaced by its own clock, so timer jitter never shows; only when the host's clock is a second
    off does it align again, never backwards.

    Args:
        period_ns: The time between two fixes.
    """

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._last_ns = 0

    def next_ns(self, now_ns: int) -> int:
        """Return the moment of the next fix, given the host's clock; each is later than the one before."""
        following = self._last_ns + self._period_ns
        aligned = now_ns // self._period_ns * self._period_ns
        self._last_ns = following if abs(aligned - following) < _MAX_DRIFT_NS else max(aligned, following)
        return self._last_ns


async def run(plan: Plan) -> None:
    """Simulate until SIGTERM or SIGINT; print `ready` once every device is there.

    Raises:
        OSError: A socket, pty or link cannot be made.
        PanelError: The folder's path is too long for sockets.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    plan.folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as devices:
        boxes = [box_name(number) for number in range(1, plan.boxes + 1)]
        chips = []
        for box in (*boxes, DUTY_ROOM):
            path = board_path(plan.folder, box)
            if box == plan.chip and plan.firmware is not None:
                chip = ChipBoard(path, chip_path(plan.folder, box), plan.firmware)
                chips.append(await devices.enter_async_context(chip))
            else:
                await devices.enter_async_context(Board(path, (BUTTON, SIREN)))
        sensors = [sensor_name(number) for number in range(1, plan.trackers_per_box + 1)]
        lines = {
            f"{box}/{sensor}": devices.enter_context(PtyLine(tracker_path(plan.folder, box, sensor)))
            for box in boxes
            for sensor in sensors
        }
        counts = {name: Counts() for name in lines}
        await _drive_all(plan, lines, counts, chips, stop)
    _write_counts(plan.folder, counts)


async def _drive_all(
    plan: Plan, lines: dict[str, PtyLine], counts: dict[str, Counts], chips: list[ChipBoard], stop: asyncio.Event
) -> None:
    city = load_city()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                _drive(_receiver(city, plan, name.partition("/")[0], number), line, counts[name], plan.rate_hz),
                name=name,
            )
            for number, (name, line) in enumerate(lines.items())
        ]
        tasks += [group.create_task(_watch(chip, stop), name=chip.link.name) for chip in chips]
        print("ready", flush=True)
        _log.info("%d boxes, %d trackers at %g Hz in %s", plan.boxes, len(lines), plan.rate_hz, plan.folder)
        await stop.wait()
        for task in tasks:
            task.cancel()
    # A hang-up throws away what a reader has not read yet; a cable carries its last bytes to the end.
    await asyncio.sleep(_LAST_BYTES_S)
    for name, line in lines.items():
        counts[name].flushed(line.flushed_sends())


async def _watch(chip: ChipBoard, stop: asyncio.Event) -> None:
    """Stop all when the chip's simulator ends: whoever started us starts both again."""
    await chip.run()
    _log.error("%s: the simulated board ended", chip.link.name)
    stop.set()


def _receiver(city: City, plan: Plan, box: str, number: int) -> Tracker | Standing:
    seed = plan.seed * 1_000_003 + number
    if (place := plan.places.get(box)) is not None:
        return Standing(place, seed)
    return Tracker(city.streets[number % len(city.streets)].points, seed)


async def _drive(tracker: Tracker | Standing, line: PtyLine, counts: Counts, rate_hz: float) -> None:
    """Send an epoch each period, timed by the monotonic clock and stamped in UTC as a receiver does."""
    period_s = 1 / rate_hz
    epochs = Epochs(round(1e9 / rate_hz))
    due_s = time.monotonic()
    while True:
        due_s = max(due_s + period_s, time.monotonic())
        await asyncio.sleep(due_s - time.monotonic())
        if line.send(epoch_sentences(tracker.advance(period_s), epochs.next_ns(time.time_ns()))):
            counts.sent += 1
        else:
            counts.lost += 1
        counts.flushed(line.flushed_sends())


def _write_counts(folder: Path, counts: dict[str, Counts]) -> None:
    told = {name: asdict(count) for name, count in counts.items()}
    counts_path(folder).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
