"""Cuts the power at each call of a recorded session: a folder is rebuilt from what was synced by then, and opened."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tests.edge_agent.card_faults.disk import Disk
from tests.edge_agent.card_faults.recording import CALLS, Replay, read_log
from tests.edge_agent.card_faults.sweep import SESSIONS, Forge, Left, Session, damage_index, forges


@dataclass
class Cut:
    """The outcome of cutting the power many times."""

    moments: int = 0
    folders: int = 0
    promises: int = 0
    refused: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def in_words(self) -> str:
        """Return it in a line."""
        return (
            f"power cut at {self.moments} moments, {self.folders} different folders left: {len(self.failed)} failed; "
            f"{self.promises} promises held against the card; {self.seconds:.0f} s"
        )


@dataclass(frozen=True, slots=True)
class _Folder:
    name: str
    left: dict[str, bytes]
    told: list[tuple[str, Any]]
    session: Session


def cut_power(folder: Path, draws: int, most: int | None, seed: int, *, early: int = 5, workers: int = 2) -> Cut:
    """Record each session, cut the power at each of its calls, and open what is left in a fresh process.

    Args:
        folder: An empty folder for the sessions' files.
        draws: How many folders to draw for each moment, beside the one of only what was synced.
        most: How many folders to open; None: all.
        seed: Of the draws.
        early: At how many of its first syncs a life is killed whose successor is recorded.
        workers: How many at once.
    """
    began_s = time.monotonic()
    cut = Cut()
    draw = random.Random(seed)
    with forges(folder, workers) as smiths:
        left: dict[bytes, _Folder] = {}
        contents: dict[bytes, bytes] = {}  # most folders have most files in common
        recordings: list[tuple[Session, int]] = [(session, 0) for session in SESSIONS]
        recordings += [(s, sync) for s in SESSIONS if s.finds == "a life" for sync in range(1, early + 1)]
        for number, (session, sync) in enumerate(recordings):
            for name, disk, told in _moments(smiths[0], session, folder / f"recorded-{number}", sync):
                cut.moments += 1
                for each in range(draws + 1):
                    cut_off = disk.cut(draw if each else None)
                    files = {file: contents.setdefault(content, content) for file, content in cut_off.items()}
                    left.setdefault(
                        _digest(session, told, files),
                        _Folder(f"{session.name}, {name}, draw {each}", files, list(told), session),
                    )
        chosen = list(left.values())
        draw.shuffle(chosen)
        _open_all(smiths, chosen[:most], folder, cut)
    cut.seconds = time.monotonic() - began_s
    return cut


def _digest(session: Session, told: Sequence[object], files: dict[str, bytes]) -> bytes:
    known = sha256(f"{session.name} {len(told)}".encode())
    for name, content in sorted(files.items()):
        known.update(f"{name} {len(content)} ".encode() + content)
    return known.digest()


def _open_all(smiths: Sequence[Forge], folders: Sequence[_Folder], place: Path, cut: Cut) -> None:
    def open_some(smith: Forge, lane: int) -> list[tuple[_Folder, Left]]:
        opened = []
        for each in folders[lane :: len(smiths)]:
            at = place / f"cut-{lane}"
            at.mkdir()
            for name, content in each.left.items():
                (at / name).write_bytes(content)
            found = smith.read(at)
            shutil.rmtree(at)
            damaged = each.session.finds == "damage"
            opened.append((each, Left(each.told, found, may_be_damaged=damaged)))
        return opened

    with ThreadPoolExecutor(len(smiths)) as pool:
        for each, left in (one for some in pool.map(open_some, smiths, range(len(smiths))) for one in some):
            cut.folders += 1
            cut.promises += sum(what == "committed" for what, _ in left.told)
            cut.failed += [f"{each.name}: {wrong}" for wrong in left.wrong()]


STUBBORN: Final = Session("both, syncs fail", "stubborn", 0, "nothing")


def fail_syncs(folder: Path, syncs: Sequence[tuple[str, int]], most: int) -> Cut:
    """Let a sync and the one after it fail, then cut the power at each promise; once for each of `syncs`.

    Args:
        folder: An empty folder for the sessions' files.
        syncs: The kind of call, and which one of a thread, from 1.
        most: How many folders to open, about.
    """
    began_s = time.monotonic()
    cut = Cut()
    with forges(folder, 1) as (forge,):
        chosen: list[_Folder] = []
        for call, number in syncs:
            data = folder / f"{call}-{number}" / "data"
            data.mkdir(parents=True)
            told: list[tuple[str, Any]] = []
            failing = f"{call}:error=EIO:when={number}..{number + 1}"
            promised = 0
            for name, disk, so_far in _record(forge, STUBBORN, data, Disk(), told, failing, killed=False):
                cut.moments += 1
                if len(so_far) > promised:
                    promised = len(so_far)
                    chosen.append(_Folder(f"{failing}, {name}", disk.cut(None), so_far, STUBBORN))
            cut.refused += sum(what == "refused" for what, _ in told)
        _open_all([forge], chosen[:: max(1, len(chosen) // most)] + chosen[-1:], folder, cut)
    cut.seconds = time.monotonic() - began_s
    return cut


Moments = Iterator[tuple[str, Disk, list[tuple[str, Any]]]]


def _moments(forge: Forge, session: Session, folder: Path, sync: int) -> Moments:
    """Record a session, with the life before it if it has one; yield the disk and what was told after each call.

    `sync`, if not 0: the life before is killed at this one of its syncs; what the session finds was hardly synced.
    """
    data = folder / "data"
    data.mkdir(parents=True)
    disk, told = Disk(), list[tuple[str, Any]]()
    if session.finds != "nothing":
        kill = f"fdatasync:signal=SIGKILL:when={sync}" if sync else ""
        for _ in _record(forge, _first_life(session), data, disk, told, kill):
            pass
    if session.finds == "damage":
        damage_index(data / f"{session.do}.db")
        disk = Disk()
        disk.load(data)
    name = f"the life before killed at sync {sync}, " if sync else ""
    for moment, after, promised in _record(forge, session, data, disk, told, ""):
        yield name + moment, after, promised


def _record(
    forge: Forge,
    session: Session,
    data: Path,
    disk: Disk,
    told: list[tuple[str, Any]],
    inject: str,
    *,
    killed: bool = True,
) -> Moments:
    """Run a session and replay it on the disk; yield after each call, and add what it told to `told` at its end."""
    log = data.parent / "log"
    options = ["-xx", "-s", "1000000", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(log)]
    ended = forge.trace(session, data, *options, *(["-e", f"inject={inject}"] if inject else []))
    assert (("end", True) in ended) != bool(inject and killed), ended
    replay = Replay(disk, data, forge.told)
    for position, call in enumerate(read_log(log)):
        if replay.run(call):
            yield f"after call {position} ({call.name})", disk, [*told, *replay.told]
    assert replay.told == ended, "the log has what was told"
    told += replay.told


def _first_life(session: Session) -> Session:
    return next(each for each in SESSIONS if (each.do, each.first) == (session.do, 0))
