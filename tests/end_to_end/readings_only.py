"""The way of a reading without a desk: no press comes."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from siaga.demo.stack import DemoStack, Size
from siaga.stack.process import Process
from tests.end_to_end.conftest import NOTHING
from tests.warm import WarmProcess

_REPORTS_OFTEN: Final = """
import asyncio
import edge_agent.agent
from siaga.main import main
edge_agent.agent._REPORT_S = 0.5
edge_agent.agent.ntp.is_synchronised = lambda: asyncio.sleep(0, True)
edge_agent.agent.Agent._read_health = lambda self: asyncio.Event().wait()
main()
"""
"""The whole agent, on a machine with NTP; it reports each half second, not minute, and reads its receiver only."""


class ReadingsOnly(DemoStack):
    """A stack whose boxes report each half second, with no desk or wall; the receivers are switched on by the test."""

    def _siaga(self, name: str, *arguments: str) -> Process:
        log = self.folder / "log"
        if arguments[0] == "edge":
            return WarmProcess([sys.executable, "-P", "-c", _REPORTS_OFTEN, *arguments], name=name, folder=log)
        if arguments[0] in ("desk", "wall"):
            return Process(NOTHING, name=name, folder=log)
        off = ("--trackers-per-box", "0") if arguments[0] == "simulator" else ()
        return WarmProcess([sys.executable, "-P", "-m", "siaga.main", *arguments, *off], name=name, folder=log)

    def switch_on(self) -> None:
        """Start the receivers."""
        self.simulator.stop()
        self.simulator = super()._siaga("simulator", "simulator", "run", *self._hardware_options())
        self.restart(self.simulator)


@contextmanager
def running(size: Size) -> Iterator[ReadingsOnly]:
    """Yield such a stack, running, in a folder short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="siaga-"))
    stack = ReadingsOnly(folder, size)
    try:
        stack.start(lambda part, what: None)
        yield stack
    finally:
        stack.stop()
        shutil.rmtree(folder)
