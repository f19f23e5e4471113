"""Kills a scripted session of the outbox at each of its write and sync calls, and opens what is left.

strace(1) kills the process as it enters its n-th call of a kind: what was written before stands, nothing after. The
session's writer thread is the only one that touches the folder, and strace counts by thread and kind, so (kind, n)
names one point of the session.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

CALLS: Final = (
    *("pwrite64", "pwritev", "write", "writev", "ftruncate", "fallocate", "fsync", "fdatasync", "sync_file_range"),
    *("unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "mkdir", "mkdirat"),
)
_LINE: Final = re.compile(r"^(?P<thread>\d+) +(?:<\.\.\. )?(?P<call>\w+)")
LEAST_POINTS: Final = 100
_RUN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Session:
    """A life of an outbox: on an empty folder, on what a killed life left, or on a damaged file."""

    name: str
    do: str
    first: int
    finds: str


SESSIONS: Final = (
    Session("presses, first life", "alarms", 0, "nothing"),
    Session("presses, after a kill", "alarms", 6, "a life"),
    Session("presses, file damaged", "alarms", 6, "damage"),
    Session("readings, first life", "telemetry", 0, "nothing"),
    Session("readings, after a kill", "telemetry", 12, "a life"),
)


@dataclass(frozen=True, slots=True)
class Point:
    """The n-th call of a kind in a session, from 1."""

    session: Session
    call: str
    n: int


@dataclass(slots=True)
class Left:
    """What a session promised before its end, and what a fresh process found in its folder."""

    told: list[tuple[str, Any]]
    found: dict[str, Any]
    may_be_damaged: bool = False

    @property
    def ended(self) -> bool:
        """Whether the session came to its end."""
        return any(what == "end" for what, _ in self.told)

    def wrong(self) -> list[str]:
        """Return what is not as promised. What was removed may come back: the desk and the store absorb it."""
        wrong = [f"the session raised: {value}" for what, value in self.told if what == "raised"]
        if "raised" in self.found:
            return [*wrong, f"opening raised: {self.found['raised']}"]
        presses, batches = self.found.get("presses", {}), self.found.get("batches", {})
        removing = _flat(value for what, value in self.told if what == "removing")
        for promised in _flat(value for what, value in self.told if what == "committed"):
            there = batches.get(str(promised)) if isinstance(promised, int) else presses.get(promised)
            if there is None and promised not in removing:
                wrong.append(f"{promised} was committed and is lost")
        found = [*presses.items(), *batches.items()]
        wrong += [f"{key} has another content" for key, same in found if not same]
        for name in ("alarms", "telemetry"):
            if self.found.get(f"{name}_check", "ok") != "ok":
                wrong.append(f"{name}: {self.found[f'{name}_check']}")
            if self.found.get(f"{name}_set_aside", 0) and not self.may_be_damaged:
                wrong.append(f"{name} was set aside")
        if self.found["unreadable"]:
            wrong.append(f"{self.found['unreadable']} presses unreadable")
        return wrong


class Forge:
    """A process that forks scripted sessions; `with` starts and ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self.told = folder / "told"

    def __enter__(self) -> Self:
        """Start it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.edge_agent.card_faults.session"]
        root = Path(__file__).parents[3]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=root
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._process.communicate(timeout=30)

    def read(self, folder: Path) -> dict[str, Any]:
        """Open a folder's outboxes in a fresh process and return what it found."""
        told = self._folder / "read"
        told.unlink(missing_ok=True)
        self._order("read", 0, folder, told, None)
        return dict(_lines(told))

    def run(self, session: Session, folder: Path) -> list[tuple[str, Any]]:
        """Run a session in a folder, and return what it told."""
        told = self._folder / "ran"
        told.unlink(missing_ok=True)
        self._order(session.do, session.first, folder, told, None)
        return _lines(told)

    def trace(self, session: Session, folder: Path, *options: str) -> list[tuple[str, Any]]:
        """Run a session in a folder under strace with these options, and return what it told."""
        self._number += 1
        told, go = self.told, self._folder / f"go-{self._number}"
        told.unlink(missing_ok=True)
        os.mkfifo(go)
        child = self._order(session.do, session.first, folder, told, go)
        tracer = subprocess.Popen(["strace", "-f", "-p", str(child), *options], stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None
        attached = tracer.stderr.readline()
        assert "attached" in attached, attached
        with go.open("wb"):
            pass
        _, said = tracer.communicate(timeout=_RUN_S)
        assert tracer.returncode in (0, -9, 137), said
        go.unlink()
        return _lines(told)

    def _order(self, do: str, first: int, folder: Path, told: Path, go: Path | None) -> int:
        order = {"do": do, "first": first, "folder": str(folder), "told": str(told), "go": go and str(go)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        return int(self._process.stdout.readline())


@dataclass
class Swept:
    """The outcome of a sweep."""

    points: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    promises: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def in_words(self) -> str:
        """Return it in a line."""
        kinds = ", ".join(f"{call} {count}" for call, count in self.calls.most_common())
        return (
            f"killed at {self.points} points ({kinds}): {len(self.failed)} failed; "
            f"{self.promises} promises held against the card; {self.seconds:.0f} s"
        )


def prepare(forge: Forge, session: Session, folder: Path) -> list[tuple[str, Any]]:
    """Make a session's folder as it finds it; return what the outbox promised in it already."""
    folder.mkdir(parents=True)
    told: list[tuple[str, Any]] = []
    if session.finds != "nothing":
        told = forge.run(next(each for each in SESSIONS if (each.do, each.first) == (session.do, 0)), folder)
        assert ("end", True) in told, told
        if session.finds == "damage":
            damage_index(folder / f"{session.do}.db")
    return [(what, value) for what, value in told if what != "end"]


def damage_index(path: Path) -> None:
    """Spoil the index of the presses: its table can still be read."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name LIKE 'sqlite_autoindex_press%'")
        number = page.fetchone()[0]
    with path.open("r+b") as file:
        file.seek((number - 1) * 4_096)
        file.write(b"\xff" * 4_096)


def points_of(forge: Forge, session: Session, folder: Path) -> list[Point]:
    """Return the points of a session, found by one run that nothing disturbs."""
    prepare(forge, session, folder / "data")
    log = folder / "log"
    told = forge.trace(session, folder / "data", "-e", f"trace={','.join(CALLS)}", "-e", "signal=none", "-o", str(log))
    assert ("end", True) in told, told
    counts: dict[str, Counter[str]] = {}
    for line in log.read_text().splitlines():
        if (found := _LINE.match(line)) is not None and found["call"] in CALLS and "resumed>" not in line:
            counts.setdefault(found["thread"], Counter())[found["call"]] += 1
    # The other thread is the main one, which tells.
    writers = [counted for counted in counts.values() if "pwrite64" in counted]
    assert len(writers) == 1, counts
    return [Point(session, call, n) for call, count in sorted(writers[0].items()) for n in range(1, count + 1)]


def kill_at(forge: Forge, point: Point, template: Path, before: Sequence[tuple[str, Any]], folder: Path) -> Left:
    """Kill a session at a point and return what is left of it."""
    shutil.copytree(template, folder)
    inject = f"inject={point.call}:signal=SIGKILL:when={point.n}"
    told = forge.trace(point.session, folder, "-e", f"trace={point.call}", "-e", inject, "-o", "/dev/null")
    left = Left([*before, *told], forge.read(folder), may_be_damaged=point.session.finds == "damage")
    shutil.rmtree(folder)
    return left


def sweep(folder: Path, most: int | None, seed: int, workers: int = 2) -> Swept:
    """Kill at every point, or at `most` drawn ones that have each kind of call in each session among them.

    Args:
        folder: An empty folder for the sessions' files.
        most: How many points; None: all.
        seed: Of the draw.
        workers: How many at once.
    """
    began_s = time.monotonic()
    swept = Swept()
    with forges(folder, workers) as smiths:
        points, templates = _points(smiths[0], folder, most, seed)

        def kill(forge: Forge, lane: int) -> list[tuple[Point, Left]]:
            mine = points[lane::workers]
            return [(each, kill_at(forge, each, *templates[each.session], folder / f"run-{lane}")) for each in mine]

        with ThreadPoolExecutor(workers) as pool:
            outcomes = [one for done in pool.map(kill, smiths, range(workers)) for one in done]
    for point, left in outcomes:
        swept.points += 1
        swept.calls[point.call] += 1
        swept.promises += len(_flat(value for what, value in left.told if what == "committed"))
        name = f"{point.session.name}, {point.call} {point.n}"
        swept.failed += [f"{name}: {wrong}" for wrong in left.wrong()]
        if left.ended:
            swept.failed.append(f"{name}: not killed")
    swept.seconds = time.monotonic() - began_s
    return swept


Templates = dict[Session, tuple[Path, list[tuple[str, Any]]]]


def _points(forge: Forge, folder: Path, most: int | None, seed: int) -> tuple[list[Point], Templates]:
    points: list[Point] = []
    templates: Templates = {}
    for number, session in enumerate(SESSIONS):
        template = folder / f"template-{number}"
        templates[session] = template, prepare(forge, session, template)
        points += points_of(forge, session, folder / f"undisturbed-{number}")
    if most is None or most >= len(points):
        return points, templates
    draw = random.Random(seed)
    draw.shuffle(points)
    # One of each kind of call in each session first.
    first = list({(each.session, each.call): each for each in points}.values())
    return [*first, *(each for each in points if each not in first)][:most], templates


@contextmanager
def forges(folder: Path, count: int) -> Iterator[list[Forge]]:
    """Give forges that work in a folder."""
    with ExitStack() as stack:
        yield [stack.enter_context(Forge(folder / f"forge-{number}")) for number in range(count)]


def _lines(path: Path) -> list[tuple[str, Any]]:
    if not path.exists():
        return []
    return [(what, value) for what, value in map(json.loads, path.read_text().splitlines())]


def _flat(values: Iterable[Any]) -> list[Any]:
    return [each for value in values for each in (value if isinstance(value, list) else [value])]
