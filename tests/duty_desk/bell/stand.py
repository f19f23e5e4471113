"""A bell with a simulated siren and button, beside a desk on two real brokers."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from duty_desk.bell.service import SOCKET
from duty_desk.control import ask
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.process import Process
from simulator.control import BoardControl
from tests.duty_desk.conftest import broker_lines

SIREN: Final = "siren"
BUTTON: Final = "silence"
_LOOK_S: Final = 0.02


class BellStand:
    """A bell's process and its board.

    Args:
        folder: Where its files and its board's socket are.
        alarm: The alarm broker.
        telemetry: The telemetry broker.
        sms: Lines of its `[sms]`, if it has one.
        ports: Ports in place of the brokers' own, such as those of proxies.
    """

    def __init__(
        self,
        folder: Path,
        alarm: Mosquitto,
        telemetry: Mosquitto,
        *,
        sms: str = "",
        ports: tuple[int, int] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self.board = folder / "board.sock"
        self.config = folder / "bell.toml"
        own = alarm.centre_port, telemetry.centre_port
        lines = [
            broker_lines(broker, "bell").replace(f"port = {port}\n", f"port = {through}\n")
            for broker, port, through in zip((alarm, telemetry), own, ports or own, strict=True)
        ]
        self.config.write_text(
            f'data_dir = "data"\n[alarm_broker]\n{lines[0]}[telemetry_broker]\n{lines[1]}'
            f'[siren]\nuri = "sim://{self.board}?line={SIREN}"\n[button]\nuri = "sim://{self.board}?line={BUTTON}"\n{sms}'
        )
        simulated = (
            "import asyncio, pathlib, sys\nfrom simulator.board import Board\n"
            "async def main():\n"
            f"    async with Board(pathlib.Path(sys.argv[1]), ('{SIREN}', '{BUTTON}')):\n"
            "        print('ready', flush=True)\n        await asyncio.Event().wait()\n"
            "asyncio.run(main())"
        )
        self.hardware = Process([sys.executable, "-c", simulated, str(self.board)], name="board", folder=folder)
        run = [sys.executable, "-m", "siaga.main", "bell", "run", "--config", str(self.config)]
        self.process = Process(run, name="bell", folder=folder)

    def start(self) -> None:
        """Start both, and wait until the bell listens to its socket."""
        self.hardware.start()
        self.hardware.wait_ready()
        self.process.start()
        self.process.wait_ready()

    def stop(self) -> None:
        """Stop both."""
        self.process.stop()
        self.hardware.stop()

    def ask(self, what: str, **more: Any) -> dict[str, Any]:
        """Return what the running bell answers."""
        answer = ask(self.data, {"ask": what, **more}, 10.0, SOCKET)
        assert answer is not None
        return answer

    def press(self) -> None:
        """Press the button that silences it."""
        with BoardControl(self.board) as board:
            board.press(BUTTON)

    def sounds(self) -> bool:
        """Return whether its siren's line is active."""
        with BoardControl(self.board) as board:
            return board.lamp(SIREN).on

    def changes(self) -> list[tuple[int, bool]]:
        """Return the last changes of its siren's line: CLOCK_MONOTONIC in ns, and whether it was switched on."""
        with BoardControl(self.board) as board:
            return board.lamp(SIREN).changes

    def wait(self, true: Callable[[], bool], timeout_s: float) -> float:
        """Wait until something is true; return after how many seconds.

        Raises:
            AssertionError: It was not in time.
        """
        began = time.monotonic()
        while not true():
            took = time.monotonic() - began
            assert took < timeout_s, f"not within {timeout_s} s: {self.ask('status')}"
            time.sleep(_LOOK_S)
        return time.monotonic() - began

    def wait_listening(self) -> None:
        """Wait until both brokers have brought a heartbeat and nothing sounds."""
        self.wait(lambda: all(self.ask("status")["heard"].values()), 15.0)


@contextmanager
def bell(folder: Path, alarm: Mosquitto, telemetry: Mosquitto, **more: Any) -> Iterator[BellStand]:
    """Yield a bell that runs."""
    stand = BellStand(folder, alarm, telemetry, **more)
    stand.start()
    try:
        yield stand
    finally:
        stand.stop()
