"""Fuzzes the drivers that decode a line of bytes: `python -m tests.edge_agent.drivers.fuzz [INPUTS] [SEED]`.

An input is one to four frames of the driver's test cases, damaged, half of them with their checksum made right again so
that the damage comes as far as the fields. It goes in pieces to one of two decoders: one lives as long as the run, as
on a line that is never good; the other is made anew now and then, as what a receiver once said makes a decoder refuse
what it says later. The claim: nothing is raised, what comes out is plausible, everything else is a counted error, and
the memory is flat. Modbus, which is asked, has answers to random requests damaged in the same way.
"""

from __future__ import annotations

import gc
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from pathlib import Path

from pymodbus.framer.rtu import FramerRTU

from contract.catalogue import fault
from edge_agent.drivers.base import Decoder, Sample
from edge_agent.drivers.binary import BinaryFramer, Layout
from edge_agent.drivers.checksums import ALGORITHMS
from edge_agent.drivers.modbus.wire import (
    MOST_BITS,
    MOST_REGISTERS,
    Answer,
    Exchange,
    Framing,
    Refusal,
    Request,
    Table,
)
from tests.edge_agent.drivers.testcases import Case, line_cases

INPUTS = 1_000_000
SEED = 1
MODBUS = "modbus"
MOST_COUNTERS = 64
"""As a box's report takes them; more would be a counter made of what came in."""


@dataclass
class Run:
    """What became of one driver's inputs."""

    driver: str
    inputs: int = 0
    bytes: int = 0
    readings: int = 0
    counters: Counter[str] = field(default_factory=Counter)
    blocks_grown: int = 0
    rss_grown_kb: int = 0
    seconds: float = 0.0


def drivers() -> list[str]:
    """Return the drivers that have a line test case, and Modbus."""
    return sorted({case.driver for case in line_cases()} | {MODBUS})


def fuzz(driver: str, inputs: int, seed: int = SEED) -> Run:
    """Fuzz one driver; the memory is measured from a tenth of the inputs on.

    Raises:
        AssertionError: It does not hold; the seed and the number of the input are told.
    """
    run = Run(driver)
    streams: list[_Stream | _Bus] = [_Bus()] if driver == MODBUS else []
    streams += [_Stream(case, lasting) for case in line_cases() if case.driver == driver for lasting in (True, False)]
    draw = random.Random(f"{driver} {seed}")
    began = time.monotonic()
    blocks = rss = 0
    for number in range(inputs):
        if number == inputs // 10:
            blocks, rss = _memory()
        try:
            run.readings += draw.choice(streams).feed(draw)
        except Exception as error:
            raise AssertionError(f"{driver}, seed {seed}, input {number}: {error!r}") from error
    blocks_now, rss_now = _memory()
    run.blocks_grown, run.rss_grown_kb = blocks_now - blocks, rss_now - rss
    run.inputs, run.seconds = inputs, time.monotonic() - began
    for stream in streams:
        counters = stream.counters()
        run.counters += counters
        run.bytes += stream.fed
        assert counters["bytes"] == stream.fed, f"{driver}: lost count of the bytes"
    assert len(run.counters) <= MOST_COUNTERS, f"{driver}: {len(run.counters)} counters"
    return run


class _Bus:
    """A Modbus line whose slaves answer any request with damaged words."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()
        self.fed = 0

    def feed(self, draw: random.Random) -> int:
        """Send one request and feed its answer; return whether it was taken for one."""
        framing: Framing = draw.choice(("rtu", "tcp"))
        table: Table = draw.choice(("coil", "discrete", "holding", "input"))
        transaction = draw.randrange(65_536)
        most = MOST_BITS if table in ("coil", "discrete") else MOST_REGISTERS
        request = Request(draw.randrange(1, 248), table, draw.randrange(65_536), draw.choice((1, 2, 9, most)))
        exchange = Exchange(framing, request, transaction)
        frames = [self._frame(draw, framing, request, transaction) for _ in range(draw.randrange(1, 4))]
        answers = 0
        for piece in _pieces(b"".join(frames), draw):
            self.fed += len(piece)
            answer = exchange.feed(piece)
            assert exchange.garbage <= exchange.heard, "lost count of the garbage"
            if isinstance(answer, Answer):
                assert len(answer.values) == request.count
                assert all(0 <= value <= (1 if most == MOST_BITS else 0xFFFF) for value in answer.values)
                answers += 1
            elif isinstance(answer, Refusal):
                assert 0 <= answer.code <= 255
            self._counted["nothing" if answer is None else type(answer).__name__.lower()] += 1
        return answers

    def counters(self) -> Counter[str]:
        """Return what became of the pieces."""
        return self._counted + Counter(bytes=self.fed)

    def _frame(self, draw: random.Random, framing: Framing, request: Request, transaction: int) -> bytes:
        bits = request.table in ("coil", "discrete")
        size = -(-request.count // 8) if bits else 2 * request.count
        code = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}[request.table]
        refused = draw.random() < 0.2
        message = bytearray((code | 0x80, draw.randrange(256)) if refused else (code, size & 0xFF))
        message += b"" if refused else draw.randbytes(size)
        for _ in range(draw.choice((0, 0, 1, 2))):
            _damage(message, draw, [b"\x83\x02", b"\x03\x02\0\1"])
        if framing == "tcp":
            return struct.pack(">HHHB", transaction, 0, len(message) + 1, request.unit) + bytes(message)
        frame = bytes([request.unit]) + bytes(message)
        right = FramerRTU.compute_CRC(frame).to_bytes(2, "big")
        return frame + (right if draw.random() < 0.8 else draw.randbytes(2))


class _Stream:
    """A line of one test case's settings."""

    def __init__(self, case: Case, lasting: bool) -> None:
        self._case = case
        self._lasting = lasting
        self._decoder: Decoder = case.decoder()
        self._past: Counter[str] = Counter()
        framer = getattr(self._decoder, "_framer", None)
        self._layout: Layout | None = framer._layout if isinstance(framer, BinaryFramer) else None
        self._frames = [frame for frame in case.frames() if frame]
        self._now_ns = 0
        self.fed = 0

    def feed(self, draw: random.Random) -> int:
        """Feed one input; return how many readings came out."""
        whole = b"".join(self._frame(draw) for _ in range(draw.randrange(1, 5)))
        readings = 0
        for piece in _pieces(whole, draw):
            self._now_ns += draw.randrange(1_000_000_000)
            readings += self._check(self._decoder.feed(piece, self._now_ns))
            self.fed += len(piece)
        if draw.random() < 0.1:
            readings += self._check(self._decoder.flush())
            if not self._lasting:
                self._past += self._decoder.counters
                self._decoder = self._case.decoder()
        told = self._decoder.fault()
        assert told is None or told, "an empty fault"
        return readings

    def counters(self) -> Counter[str]:
        """Return what its decoders counted."""
        return self._past + self._decoder.counters

    def _check(self, samples: list[Sample]) -> int:
        for sample in samples:
            kind, fields = sample.kind, sample.fields
            assert fault(kind, fields) is None, f"{kind} {fields}"
            assert sample.monotonic_ns <= self._now_ns, "a reading of the future"
            assert (fields.get("latitude"), fields.get("longitude")) != (0.0, 0.0), "null island"
        return len(samples)

    def _frame(self, draw: random.Random) -> bytes:
        frame = bytearray(draw.choice(self._frames))
        for _ in range(draw.randrange(4)):
            _damage(frame, draw, self._frames)
        return self._repaired(frame) if draw.random() < 0.5 else bytes(frame)

    def _repaired(self, frame: bytearray) -> bytes:
        """Return a frame with its checksum made right, if it still has a place for one."""
        if self._layout is not None:
            where, tail = self._layout.checksum, self._layout.tail
            if where is None or len(frame) < 8:
                return bytes(frame)
            frame[: len(self._layout.header)] = self._layout.header
            frame[len(frame) - len(tail) :] = tail
            algorithm = ALGORITHMS[where.kind]
            at = where.at % len(frame)
            right = algorithm.of(bytes(frame[where.first : where.end])).to_bytes(algorithm.size, where.order)
            frame[at : at + algorithm.size] = right
        elif frame[:1] == b"$" and b"*" in frame:
            content = frame[1 : frame.rindex(b"*")]
            return b"$%s*%02X\r\n" % (content, reduce(xor, content, 0))
        return bytes(frame)


def _damage(frame: bytearray, draw: random.Random, others: list[bytes]) -> None:
    at = draw.randrange(len(frame) + 1)
    match draw.randrange(8):
        case 0:
            frame[at : at + 1] = draw.randbytes(1)
        case 1:
            frame[at : at + 1] = bytes(each ^ 1 << draw.randrange(8) for each in frame[at : at + 1])
        case 2:
            del frame[at : at + draw.randrange(1, 6)]
        case 3:
            frame[at:at] = draw.randbytes(draw.randrange(1, 30))
        case 4:
            frame[at:at] = frame[at : at + draw.randrange(1, 10)] * draw.randrange(1, 30)
        case 5:
            other = draw.choice(others)
            frame[at:] = other[draw.randrange(len(other)) :]
        case 6:
            frame[at : at + 1] = draw.choice((b"\0", b"\xff", b",", b"-", b"9", b".", b"\r", b"\n", b"e", b"$", b"*"))
        case _:
            frame[at : at + 2] = draw.choice(
                (b"\xff\xff", b"\0\0", b"\x7f\xff", b"\x80\0", b"nan", b"1e9", b"99999999")
            )


def _pieces(whole: bytes, draw: random.Random) -> Iterator[bytes]:
    at = 0
    while at < len(whole):
        size = draw.choice((1, 7, 50, 4_096, 4_096))
        yield whole[at : at + size]
        at += size


def _memory() -> tuple[int, int]:
    """Return the interpreter's allocated blocks, and the process's memory in kB."""
    gc.collect()
    rss_kb = next(
        int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line
    )
    return sys.getallocatedblocks(), rss_kb


def main() -> None:
    """Fuzz each driver and tell what became of it, as a row of a table."""
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else INPUTS
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    print("| parser | inputs | bytes | readings | counted, by reason | memory | time |")
    print("|---|---:|---:|---:|---|---:|---:|")
    for driver in drivers():
        run = fuzz(driver, inputs, seed)
        counted = ", ".join(f"{count:,} {name}" for name, count in run.counters.most_common() if name != "bytes")
        grown = f"{run.rss_grown_kb:+,} kB, {run.blocks_grown:+,} blocks"
        row = (f"`{driver}`", f"{run.inputs:,}", f"{run.bytes:,}", f"{run.readings:,}", counted, grown)
        print("|", " | ".join(row), f"| {run.seconds:.0f} s |", flush=True)


if __name__ == "__main__":
    main()
