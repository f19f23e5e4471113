"""Batches in pieces: for a link on which a whole one would be on its way for too long. Pure.

Only a batch that was never sent is cut, for its number and content would else be known to the collector already.
"""

from __future__ import annotations

from contract.batch import MAX_BATCH_READINGS, READING, Batch, Reading, decode_batch, encode_batch
from edge_agent.batch_commands import Key

FRAME_BYTES = 160
"""Of a batch beside its readings, at most: device, stream, number."""


def reading_bytes(reading: Reading) -> int:
    """Return how many bytes a reading takes in a batch."""
    return len(READING.dump_json(reading)) + 1


def prefix(sizes: list[int], *, max_bytes: int, max_readings: int) -> int:
    """Return how many of the first readings fit a batch of at most `max_bytes`; at least one."""
    total = FRAME_BYTES
    for number, size in enumerate(sizes[:max_readings]):
        total += size
        if total > max_bytes and number:
            return number
    return min(len(sizes), max_readings)


def cut(body: bytes, first: Key, max_bytes: int) -> list[tuple[Key, int, bytes]]:
    """Return a batch's pieces as (key, readings, body), numbered from `first` on, each of at most `max_bytes` or one
    reading.

    Raises:
        BodyError: The body is no batch.
    """
    return _pieces(body, first, max_bytes, most=MAX_BATCH_READINGS)


def cut_first(body: bytes, first: Key, max_bytes: int) -> list[tuple[Key, int, bytes]]:
    """As `cut`, but only the first piece is that short; the second is the rest, if there is one."""
    return _pieces(body, first, max_bytes, most=1)


def _pieces(body: bytes, first: Key, max_bytes: int, *, most: int) -> list[tuple[Key, int, bytes]]:
    batch = decode_batch(body)
    readings = batch["readings"]
    sizes = [reading_bytes(reading) for reading in readings]
    stream, number = first
    pieces: list[tuple[Key, int, bytes]] = []
    while readings:
        count = len(readings)
        if len(pieces) < most:
            count = prefix(sizes, max_bytes=max_bytes, max_readings=count)
        piece = Batch(device=batch["device"], stream=stream, batch=number, readings=readings[:count])
        pieces.append(((stream, number), count, encode_batch(piece)))
        readings, sizes, number = readings[count:], sizes[count:], number + 1
    return pieces
