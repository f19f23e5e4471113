"""The whole way on real processes: the demo's own stack, in a folder short enough for sockets."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Literal, Protocol

import pytest

from siaga.demo.accounts import DemoAccounts
from siaga.demo.stack import DemoStack, Size
from siaga.stack.process import Process
from tests.warm import WarmProcess

Spared = Literal["desk", "collector"]
NOTHING: Final = ["sh", "-c", "echo ready; exec sleep infinity"]
"""Stands for a part that a test does not need."""
_IMPATIENT: Final = """
import edge_agent.flight
import edge_agent.gatherer
import edge_agent.telemetry_lane
from siaga.main import main
edge_agent.flight.RESEND_FIRST_NS = edge_agent.telemetry_lane.KEEP_AFTER_NS = {hold_s} * 10**9
edge_agent.gatherer.GROWN_AGE_NS = {hold_s} * 10**9
main()
"""
"""The whole agent, which waits less than 30 s before it writes readings to its card or sends them again."""


@cache
def _made_accounts() -> Path:
    """Make the demo's accounts once for all stacks of a worker: to hash their password takes 0.2 s each time."""
    folder = Path(tempfile.mkdtemp(prefix="siaga-accounts-"))
    atexit.register(shutil.rmtree, folder)
    DemoAccounts(folder / "files").prepare(folder / "accounts.db")
    return folder


class SameAccounts(DemoAccounts):
    """Accounts that were made before."""

    def prepare(self, accounts: Path) -> None:
        """Copy them to a desk's accounts.db."""
        shutil.copytree(_made_accounts() / "files", self.folder)
        shutil.copy(_made_accounts() / "accounts.db", accounts)


class Stack(DemoStack):
    """The demo's processes but the walls' server, which no test of this room looks at.

    Args:
        folder: Where all data, configuration and logs go.
        size: How much hardware to simulate.
        hold_s: After how long a box has readings on its card and sends them again; 30, unless a test cannot wait.
        without: The parts that a test does not need.
    """

    def __init__(self, folder: Path, size: Size, *, hold_s: int = 30, without: Sequence[Spared] = ()) -> None:
        self._hold_s = hold_s
        self._without = {"wall", *without}
        super().__init__(folder, size, probes=True)
        self.accounts = SameAccounts(self.accounts.folder)

    def _siaga(self, name: str, *arguments: str) -> Process:
        if arguments[0] in self._without:
            return Process(NOTHING, name=name, folder=self.folder / "log")
        impatient = arguments[0] == "edge" and self._hold_s != 30
        program = ["-c", _IMPATIENT.format(hold_s=self._hold_s)] if impatient else ["-m", "siaga.main"]
        return WarmProcess([sys.executable, "-P", *program, *arguments], name=name, folder=self.folder / "log")


class MakeStack(Protocol):
    """Starts a stack of a size; `before` is called with its folder while that is empty."""

    def __call__(
        self, size: Size, before: Callable[[Path], None] = ..., *, hold_s: int = ..., without: Sequence[Spared] = ...
    ) -> DemoStack: ...


@pytest.fixture
def make_stack() -> Iterator[MakeStack]:
    """Return a function that starts a stack of a size; it is stopped and its folder removed after the test."""
    stacks: list[DemoStack] = []
    folders: list[Path] = []

    def make(
        size: Size,
        before: Callable[[Path], None] = lambda folder: None,
        *,
        hold_s: int = 30,
        without: Sequence[Spared] = (),
    ) -> DemoStack:
        folders.append(Path(tempfile.mkdtemp(prefix="siaga-")))
        before(folders[-1])
        stacks.append(Stack(folders[-1], size, hold_s=hold_s, without=without))
        stacks[-1].start(lambda part, what: None)
        return stacks[-1]

    yield make
    for stack in stacks:
        stack.stop()
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture
def stack(make_stack: MakeStack) -> DemoStack:
    """Return a running stack of one box with one GPS receiver at 5 Hz."""
    return make_stack(Size(boxes=1, trackers_per_box=1, rate_hz=5))


@pytest.fixture
def press_stack(make_stack: MakeStack) -> DemoStack:
    """Return a running stack of one box, whose readings nobody collects."""
    return make_stack(Size(boxes=1, trackers_per_box=1, rate_hz=5), without=("collector",))
