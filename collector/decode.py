"""A body from the broker as lines for the store and refusals for the quarantine. Pure.

Rules, in this order:
- The topic says who wrote; a body that names another device is refused as a whole (`another device`).
- A body that does not validate is refused as a whole, with the contract's reason.
- A reading is refused alone when its timestamp is before 2000-01-01 (`before 2000`: a clock that was never set) or more
  than a day ahead of the collector's clock (`future time`), or when the catalogue refuses it. The others are stored.

Refused readings keep their batch's identity and are one body for each reason, so that sending the batch again yields
the same bytes, and the quarantine knows them by their hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from collector.line_protocol import line
from contract.batch import Batch, Reading, decode_batch, encode_batch
from contract.catalogue import fault
from contract.errors import BodyError, TopicError
from contract.topics import parse_up

EARLIEST_NS: Final = 946_684_800 * 10**9
"""2000-01-01T00:00:00Z in ns since 1970."""
LATEST_AHEAD_NS: Final = 86_400 * 10**9
"""How far a timestamp may be ahead of the collector's clock, in ns: one day."""

_TOPICS = 16_384


@dataclass(frozen=True, slots=True)
class Refusal:
    """What goes to the quarantine: a short stable reason, its detail, the bytes, and how many readings they hold."""

    reason: str
    detail: str
    body: bytes
    readings: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """A batch's identity, its `count` good readings as lines of line protocol, and what was refused of it."""

    stream: str
    batch: int
    lines: bytes
    count: int
    refusals: tuple[Refusal, ...]


@lru_cache(maxsize=_TOPICS)
def device_of(topic: str) -> str | None:
    """Return the device that wrote to a topic of telemetry, or None when the topic is none."""
    try:
        parsed = parse_up(topic)
    except TopicError:
        return None
    return parsed.device if parsed.kind == "telemetry" else None


def decode(device: str, body: bytes, now_ns: int) -> Decoded:
    """Return what a body holds.

    Args:
        device: The device, from the topic.
        body: The body.
        now_ns: The collector's time in ns since 1970.

    Raises:
        BodyError: The whole body is refused.
    """
    batch = decode_batch(body)
    if batch["device"] != device:
        raise BodyError("another device", body, detail=f"{device} sent a batch of {batch['device']}")
    latest_ns = now_ns + LATEST_AHEAD_NS
    lines: list[str] = []
    refused: dict[str, list[Reading]] | None = None
    for reading in batch["readings"]:
        if EARLIEST_NS <= reading["timestamp_ns"] <= latest_ns:
            why = fault(reading["kind"], reading["fields"])
            if why is None:
                lines.append(line(device, reading))
                continue
        else:
            why = "before 2000" if reading["timestamp_ns"] < EARLIEST_NS else "future time"
        refused = {} if refused is None else refused
        refused.setdefault(why, []).append(reading)
    refusals = () if refused is None else tuple(_refusal(batch, why, some) for why, some in refused.items())
    return Decoded(batch["stream"], batch["batch"], "\n".join(lines).encode(), len(lines), refusals)


def _refusal(batch: Batch, why: str, readings: list[Reading]) -> Refusal:
    reason, _, detail = why.partition(": ")
    body = encode_batch(
        {"device": batch["device"], "stream": batch["stream"], "batch": batch["batch"], "readings": readings}
    )
    return Refusal(reason, detail, body, len(readings))
