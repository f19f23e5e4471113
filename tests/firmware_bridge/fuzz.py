"""Fuzzes the parser of frames: `python -m tests.firmware_bridge.fuzz [INPUTS] [SEED]`.

An input is one to four golden frames, good and refused, damaged; half of them with COBS and CRC made right again, so
that the damage comes as far as the payload. The claim: nothing but frames comes out, each of which is again the same
bytes; nothing is raised; at most 128 bytes are held; and the memory is flat.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from firmware_bridge.frame import Deframer, Frame, decode_frame, encode_frame, seal
from firmware_bridge.vectors import make_vectors

INPUTS = 1_000_000
_BYTES = (b"\0", b"\xff", b"\xa0", b"\xa1", b"\xbf", b"\xc1", b"\x1b", b"\x5f", b"\x81", b"\xf5", b"\xfb")


@dataclass
class Run:
    """What became of the inputs."""

    frames: int = 0
    most_held: int = 0
    blocks_grown: int = 0
    seconds: float = 0.0
    counters: Counter[str] = field(default_factory=Counter)


def fuzz(inputs: int, seed: int) -> Run:
    """Fuzz the parser; the memory is measured from a tenth of the inputs on.

    Raises:
        AssertionError: The claim does not hold; seed and number of the input are told.
    """
    draw, run, deframer = random.Random(seed), Run(), Deframer()
    vectors = make_vectors()
    frames = [bytes.fromhex(each["wire_hex"]) for each in (*vectors["accepted"], *vectors["refused"])]
    bodies = [
        bytes([each["ver"], each["type"]]) + each["seq"].to_bytes(2, "little") + bytes.fromhex(each["payload_hex"])
        for each in vectors["accepted"]
    ]
    began, blocks = time.monotonic(), 0
    for number in range(inputs):
        if number == inputs // 10:
            blocks = _blocks()
        stream = b"".join(_frame(draw, frames, bodies) for _ in range(draw.randrange(1, 5)))
        try:
            _feed(deframer, stream, draw, run)
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {error!r}") from error
    run.blocks_grown = _blocks() - blocks
    run.counters, run.seconds = deframer.counters, time.monotonic() - began
    assert run.counters["frames"] == run.frames
    return run


def _feed(deframer: Deframer, stream: bytes, draw: random.Random, run: Run) -> None:
    at = 0
    while at < len(stream):
        size = draw.choice((1, 7, 50, 4_096))
        for frame in deframer.feed(stream[at : at + size]):
            assert isinstance(frame, Frame)
            assert decode_frame(encode_frame(frame)[:-1]) == frame
            run.frames += 1
        run.most_held = max(run.most_held, deframer.held)
        at += size


def _frame(draw: random.Random, frames: list[bytes], bodies: list[bytes]) -> bytes:
    repaired = draw.random() < 0.5
    frame = bytearray(draw.choice(bodies if repaired else frames))
    for _ in range(draw.randrange(4)):
        _damage(frame, draw, frames)
    return seal(bytes(frame)) if repaired else bytes(frame)


def _damage(frame: bytearray, draw: random.Random, frames: list[bytes]) -> None:
    at = draw.randrange(len(frame) + 1)
    match draw.randrange(7):
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
            other = draw.choice(frames)
            frame[at:] = other[draw.randrange(len(other)) :]
        case _:
            frame[at : at + 1] = draw.choice(_BYTES)


def _blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


def main() -> None:
    """Fuzz and tell what became of it."""
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else INPUTS
    run = fuzz(inputs, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    counted = ", ".join(f"{count:,} {name}" for name, count in run.counters.most_common())
    print(f"{inputs:,} inputs: {counted}; at most {run.most_held} bytes held, {run.blocks_grown:+,} blocks")
    print(f"{run.seconds:.0f} s")


if __name__ == "__main__":
    main()
