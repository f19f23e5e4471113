"""A body from the broker as lines for the store and refusals for the quarantine. Pure.

Rules, in this order:
- The topic says who wrote; a body that names another device is refused as a whole (`another device`).
- A body that does not validate is refused as a whole, with the contract's reason.
- A reading is refused alone when its timestamp is before 2000-01-01 (`before 2000`: a clock that was never set) or more
  than a day ahead of the collector's clock (`future time`), when the catalogue refuses it, or when its device names
  more sensors than a device may (`too many series`). The others are stored.

There are two ways through. `quick` takes a body that is good in every respect and like one seen before, which nearly
all are, in a fifth of the time; it returns None for any other. `careful` is the judge: it knows every rule and every
reason, and enters what it found good, so that the next body like it goes the quick way. Whatever `quick` takes,
`careful` takes with the same points.

Refused readings keep their batch's identity and are one body for each reason, so that sending the batch again yields
the same bytes, and the quarantine knows them by their hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder

from collector.line_protocol import line
from collector.roster import Device, Stream
from collector.shapes import EARLIEST_NS, SHAPES, learn
from contract.batch import MAX_BATCH_BYTES, MAX_BATCH_READINGS, Batch, Reading, decode_batch, encode_batch
from contract.catalogue import fault
from contract.errors import BodyError

LATEST_AHEAD_NS: Final = 86_400 * 10**9
"""How far a timestamp may be ahead of the collector's clock, in ns: one day."""

_MAX_COUNT: Final = 2**63 - 1
_BATCH_KEYS: Final = 4
_READING_KEYS: Final = 5


class _Reading(Struct, gc=False, forbid_unknown_fields=True):
    timestamp_ns: int
    sensor: str
    kind: str
    fields: dict[str, int | float | bool | str]
    clock: str


class _Batch(Struct, gc=False, forbid_unknown_fields=True):
    device: str
    stream: str
    batch: int
    readings: list[_Reading]


parse: Final = Decoder(_Batch).decode
"""Takes a body apart for `quick`: keys and JSON types as the contract has them, and no more is checked."""

Piece = tuple[Stream, int, str, int]
"""What a message has for the store: its stream, its batch number, its lines, and how many."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What goes to the quarantine: a short stable reason, its detail, the bytes, and how many readings they hold."""

    reason: str
    detail: str
    body: bytes
    readings: int


def quick(device: Device, body: bytes, latest_ns: int) -> Piece | None:
    """Return what a body holds when all of it is plainly good, else None.

    Args:
        device: The device, from the topic.
        body: The body.
        latest_ns: The latest timestamp that is good, in ns since 1970.
    """
    if len(body) > MAX_BATCH_BYTES:
        return None
    try:
        batch = parse(body)
        readings, number = batch.readings, batch.batch
        stream = device.streams[batch.stream]
        lines: list[str] = []
        colons = _BATCH_KEYS + _READING_KEYS * len(readings)
        following = iter(readings)
        reading = next(following, None)
        while reading is not None:
            fields, before = reading.fields, len(lines)
            reading = SHAPES[reading.kind, *fields](reading, following, device.heads, latest_ns, lines)
            colons += len(fields) * (len(lines) - before)
    except (MsgspecError, LookupError, ValueError, TypeError, RecursionError):
        return None
    # Each key written has a colon: a key twice, or one we do not know, is one too many (see `decode_batch`).
    if body.count(b":") != colons or batch.device != device.name or not 0 <= number <= _MAX_COUNT:
        return None
    if not 0 < len(lines) <= MAX_BATCH_READINGS:
        return None
    return stream, number, "\n".join(lines), len(lines)


def careful(device: Device, body: bytes, latest_ns: int) -> tuple[Piece, tuple[Refusal, ...]]:
    """Return what a body holds, its refused readings apart; enter what is good about it.

    Args:
        device: The device, from the topic.
        body: The body.
        latest_ns: The latest timestamp that is good, in ns since 1970.

    Raises:
        BodyError: The whole body is refused.
    """
    batch = decode_batch(body)
    if batch["device"] != device.name:
        raise BodyError("another device", body, detail=f"{device.name} sent a batch of {batch['device']}")
    lines: list[str] = []
    refused: dict[str, list[Reading]] = {}
    for reading in batch["readings"]:
        why = _why_not(device, reading, latest_ns)
        if why is None:
            learn(reading["kind"], reading["fields"])
            lines.append(line(device.name, reading))
        else:
            refused.setdefault(why, []).append(reading)
    refusals = tuple(_refusal(batch, why, some) for why, some in refused.items())
    return (device.stream(batch["stream"]), batch["batch"], "\n".join(lines), len(lines)), refusals


def _why_not(device: Device, reading: Reading, latest_ns: int) -> str | None:
    if reading["timestamp_ns"] < EARLIEST_NS:
        return "before 2000"
    if reading["timestamp_ns"] > latest_ns:
        return "future time"
    why = fault(reading["kind"], reading["fields"])
    if why is None and not device.admits(reading["sensor"]):
        return "too many series"
    return why


def _refusal(batch: Batch, why: str, readings: list[Reading]) -> Refusal:
    reason, _, detail = why.partition(": ")
    body = encode_batch(
        {"device": batch["device"], "stream": batch["stream"], "batch": batch["batch"], "readings": readings}
    )
    return Refusal(reason, detail, body, len(readings))
