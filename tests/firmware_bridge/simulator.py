"""The real firmware in simavr, in virtual time, and a host that acknowledges what it is told."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from firmware_bridge.frame import Deframer, Frame, Payload, encode_frame

BUILD: Final = Path(__file__).resolve().parents[2] / "firmware_bridge" / "firmware" / "build.sh"
HELLO, HELLO_ACK, EVENT, EVENT_ACK, COMMAND, COMMAND_ACK, BEAT, PING = range(1, 9)


def build_firmware(folder: Path) -> str:
    """Build firmware and simulator into a folder and return what the build says of its size."""
    done = subprocess.run([str(BUILD), str(folder)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def built_once(factory: pytest.TempPathFactory) -> Path:
    """Return the folder of firmware and simulator, built once for all the processes that run tests side by side."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "firmware"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        size = folder / "size.txt"
        if not size.exists():
            size.write_text(build_firmware(folder))
    print(size.read_text())
    return folder


@dataclass
class Simulator:
    """A board. Each call of `run` returns the lines that the simulator printed."""

    process: subprocess.Popen[str]
    port: int
    seq: int = 0
    given: int = 0
    got: int = 0
    put: int = 0

    def tell(self, line: str) -> None:
        """Send a line of simhost's protocol."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line: str, answer: str) -> list[str]:
        """Send a line and return all lines up to the one that begins with the answer."""
        assert self.process.stdout is not None
        self.tell(line)
        lines: list[str] = []
        while not lines or not lines[-1].startswith(answer):
            lines.append(self.process.stdout.readline().rstrip("\n"))
            assert lines[-1], "the simulator has ended"
            assert not lines[-1].startswith("error"), lines
        return lines

    def run(self, ms: int) -> list[str]:
        """Let simulated time pass."""
        lines = self.ask(f"run {ms}", "ran ")
        self.given = int(lines[-1].split(" ")[2])
        return lines

    def send(self, kind: int, payload: Payload) -> None:
        """Send a frame to the board."""
        self.seq += 1
        self.tell(f"send {encode_frame(Frame(kind, self.seq % 65536, payload)).hex()}")

    def read(self) -> bytes:
        """Return what came through the pty: all that was sent by now, however late the kernel passes it on."""
        told = b""
        while self.got < self.given:
            assert select.select([self.port], [], [], 5.0)[0], "the pty lost what the board sent"
            told += (some := os.read(self.port, 65536))
            self.got += len(some)
        return told

    def write(self, data: bytes) -> None:
        """Send bytes through the pty, and let the board's side have all of them before time goes on."""
        assert os.write(self.port, data) == len(data)
        self.put += len(data)
        self.tell(f"await {self.put}")

    def meet(self) -> None:
        """Answer the board's hello."""
        self.run(100)
        self.send(HELLO_ACK, {0: 1})
        self.run(100)


@contextmanager
def simulator(folder: Path) -> Iterator[Simulator]:
    """Run the firmware that was built into a folder."""
    command = [str(folder / "simhost"), "--virtual", str(folder / "siaga-uno.elf")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    path = process.stdout.readline().split()[1]
    assert process.stdout.readline().startswith("ready")
    port = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield Simulator(process, port)
    finally:
        os.close(port)
        process.communicate("quit\n", timeout=10)


def frames(lines: list[str]) -> list[tuple[int, Frame]]:
    """Return what the board sent, before the wire spoiled it, with the microsecond of its last byte."""
    found = []
    for line in lines:
        if line.startswith("frame "):
            _, at_us, wire = line.split(" ")
            found += [(int(at_us), frame) for frame in Deframer().feed(bytes.fromhex(wire) + b"\0")]
    return found
