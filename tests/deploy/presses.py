"""The boxes' hardware, simulated, and the books of it: each press of a board is in the centre's ledger, once.

A board runs in its box as a unit of its own, beside the agent and untouched by its upgrades: it stands for a post on
the street. Its list of presses is what the person at the button did; the ledger is what the city knows of it.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from simulator.control import BoardControl
from tests.deploy.errors import DeployError
from tests.deploy.machine import Machine

LINES: Final = ("sos", "sos-2", "sos-3", "sos-4", "sos-5", "sos-6")
"""The buttons of each box."""
SOCKET: Final = "/run/board/board.sock"
CLOCKS_NS: Final = 10**9
"""How far a box's clock, which follows the centre's, and this machine's may be apart."""
HOLD_MS: Final = 4_000
"""How long a button is held, as a person does until the lamp answers. An agent that starts anew finds it still held."""
TAP_MS: Final = 300
"""How long somebody presses who does not wait for the lamp."""
_PARTS: Final = ("simulator/__init__.py", "simulator/board.py", "simulator/panel.py", "contract/errors.py")
_UNIT: Final = """\
[Unit]
Description=The hardware of this post, simulated

[Service]
ExecStart=/usr/bin/python3 /srv/board/run.py
RuntimeDirectory=board
UMask=0000
Restart=always

[Install]
WantedBy=multi-user.target
"""
_RUN: Final = f"""\
import asyncio, sys
from pathlib import Path

sys.path.insert(0, "/srv/board")
from simulator.board import Board

async def run():
    async with Board(Path({SOCKET!r}), {LINES!r}):
        await asyncio.Event().wait()

asyncio.run(run())
"""
_READ: Final = """\
import json, sqlite3
ledger = sqlite3.connect("file:/var/lib/siaga/desk/ledger.db?mode=ro", uri=True, timeout=10)
for (body,) in ledger.execute("SELECT body FROM entry WHERE body LIKE '%\\"kind\\":\\"press\\"%' ORDER BY sequence"):
    print(body)
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A press in the ledger. `pressed_at_ns`: by the box's clock; `key`: its own, which no other press has."""

    device: str
    button: str
    key: str
    pressed_at_ns: int
    incident_id: str


def give_board(machine: Machine, repository: Path) -> None:
    """Put a board into a machine that is off; it runs from the next boot on."""
    for part in _PARTS:
        there = machine.root / "srv/board" / part
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / part, there)
    (machine.root / "srv/board/contract/__init__.py").touch()
    (machine.root / "srv/board/run.py").write_text(_RUN)
    unit = machine.root / "etc/systemd/system/board.service"
    unit.write_text(_UNIT)
    wanted = machine.root / "etc/systemd/system/multi-user.target.wants/board.service"
    wanted.parent.mkdir(parents=True, exist_ok=True)
    wanted.unlink(missing_ok=True)
    wanted.symlink_to("/etc/systemd/system/board.service")


def board(machine: Machine) -> BoardControl:
    """Return the hand at a machine's board."""
    return BoardControl(machine.inside(SOCKET))


def tap(machine: Machine, *lines: str) -> None:
    """Press buttons of a machine for a moment; return once no clock takes that for a press of the next step."""
    with board(machine) as hand:
        for line in lines:
            hand.press(line, TAP_MS)
    time.sleep(TAP_MS / 1_000 + 2 * CLOCKS_NS / 1e9)


class Made:
    """Every press the boards tell of; it outlives a board whose power was cut."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], set[int]] = {}

    def ask(self, machine: Machine) -> None:
        """Ask a machine's board."""
        with board(machine) as hand:
            for line in LINES:
                times = {press.timestamp_ns for press in hand.presses(line)}
                self._known.setdefault((machine.name, line), set()).update(times)

    def since(self, since_ns: int) -> dict[tuple[str, str], list[int]]:
        """Return when each button was pressed from then on, CLOCK_MONOTONIC in ns."""
        return {where: [at for at in times if at >= since_ns] for where, times in self._known.items()}


def ledger(centre: Machine) -> list[Recorded]:
    """Return the presses in the centre's ledger, oldest first.

    Raises:
        DeployError: It cannot be read.
    """
    told = [json.loads(line) for line in centre.run("python3", "-c", _READ).splitlines()]
    return [_recorded(entry) for entry in told if entry["kind"] == "press"]


def unrecorded(made: Made, centre: Machine, since_ns: int = 0) -> list[str]:
    """Return what does not balance between the boards' lists and the ledger, a line each.

    Args:
        made: What the boards told.
        centre: Where the ledger is.
        since_ns: Presses before then (CLOCK_MONOTONIC, ns) are not looked at.
    """
    to_wall_ns = time.time_ns() - time.monotonic_ns()
    recorded = ledger(centre)
    faults = [f"{one.device}/{one.button}: {one.key} is there twice" for one in doubled(recorded)]
    for (device, line), times in made.since(since_ns).items():
        due = [at + to_wall_ns for at in times]
        known = [
            one.pressed_at_ns
            for one in recorded
            if (one.device, one.button) == (device, line) and one.pressed_at_ns >= since_ns + to_wall_ns - CLOCKS_NS
        ]
        faults += unmatched(f"{device}/{line}", due, known)
    return faults


class Presser:
    """Somebody at each box who presses a button each second, one after the other, and holds it; `with` begins and ends.

    Args:
        boxes: The boxes.
    """

    def __init__(self, boxes: list[Machine]) -> None:
        self._boxes = boxes
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._press, name="presser")
        self.since_ns = time.monotonic_ns()
        self.made = 0
        self.error: Exception | None = None

    def __enter__(self) -> Presser:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        # The last one is let go.
        time.sleep(HOLD_MS / 1_000)

    def _press(self) -> None:
        due = time.monotonic()
        number = 0
        try:
            while not self._over.wait(max(0.0, due - time.monotonic())):
                number += 1
                for box in self._boxes:
                    with board(box) as hand:
                        hand.press(LINES[number % len(LINES)], HOLD_MS)
                    self.made += 1
                # What was late is not made up for: the next turn of a button would find it still held.
                due = max(due + 1.0, time.monotonic())
        except Exception as error:  # noqa: BLE001  told at the end, with what it cost
            self.error = error


def settle(boxes: list[Machine], made: Made, centre: Machine, since_ns: int = 0, timeout_s: float = 120.0) -> int:
    """Wait until every press is in the ledger, once; return how many there are.

    Raises:
        DeployError: It names those that are not, in time.
    """
    for box in boxes:
        made.ask(box)
    deadline = time.monotonic() + timeout_s
    while faults := unrecorded(made, centre, since_ns):
        if time.monotonic() > deadline:
            raise DeployError(f"{len(faults)} presses do not balance: {'; '.join(faults[:5])}")
        time.sleep(1.0)
    return sum(len(times) for times in made.since(since_ns).values())


def _recorded(entry: dict[str, Any]) -> Recorded:
    alarm = entry["alarm"]
    return Recorded(alarm["device"], alarm["button"], alarm["key"], alarm["pressed_at_ns"], entry["incident_id"])


def doubled(recorded: list[Recorded]) -> list[Recorded]:
    counts = Counter((one.device, one.key) for one in recorded)
    return [one for one in recorded if counts[one.device, one.key] > 1]


def unmatched(where: str, due: list[int], known: list[int]) -> list[str]:
    """Pair each press with the one recorded in the time it was held; return what is left on either side."""
    faults = []
    left = sorted(known)
    for press in sorted(due):
        mine = next((at for at in left if press - CLOCKS_NS <= at <= press + HOLD_MS * 10**6 + CLOCKS_NS), None)
        if mine is None:
            faults.append(f"{where}: pressed at {_clock(press)}, not in the ledger")
        else:
            left.remove(mine)
    return faults + [f"{where}: in the ledger at {_clock(at)}, nobody pressed" for at in left]


def _clock(at_ns: int) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(at_ns / 1e9))
