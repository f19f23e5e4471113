"""The whole way on real processes: the demo's own stack, in a folder short enough for sockets."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from siaga.demo.stack import DemoStack, Size


class MakeStack(Protocol):
    """Starts a stack of a size; `before` is called with its folder while that is empty."""

    def __call__(self, size: Size, before: Callable[[Path], None] = ...) -> DemoStack: ...


@pytest.fixture
def make_stack() -> Iterator[MakeStack]:
    """Return a function that starts a stack of a size; it is stopped and its folder removed after the test."""
    stacks: list[DemoStack] = []
    folders: list[Path] = []

    def make(size: Size, before: Callable[[Path], None] = lambda folder: None) -> DemoStack:
        folders.append(Path(tempfile.mkdtemp(prefix="siaga-")))
        before(folders[-1])
        stacks.append(DemoStack(folders[-1], size, probes=True))
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
