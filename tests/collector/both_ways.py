"""A body decoded the quick and the careful way, held against each other."""

from __future__ import annotations

from dataclasses import dataclass

from collector.decode import LATEST_AHEAD_NS, Refusal, careful, quick
from collector.roster import Device
from contract.batch import decode_batch
from contract.errors import BodyError
from tests.collector.batches import GOOD, T0_NS

NOW_NS = T0_NS + 10**9
LATEST_NS = NOW_NS + LATEST_AHEAD_NS


@dataclass(frozen=True)
class Decoded:
    """What a body holds, by the careful way."""

    stream: str
    batch: int
    lines: str
    count: int
    refusals: tuple[Refusal, ...]


def decode(body: bytes, device: Device | None = None) -> Decoded:
    """Return what a body of box-1 holds.

    Raises:
        BodyError: The whole body is refused.
    """
    (stream, number, lines, count), refusals = careful(device or Device("box-1"), body, LATEST_NS)
    return Decoded(stream.id, number, lines, count, refusals)


def decodes_or_refuses(data: bytes) -> bool:
    """Decode any bytes both ways; return whether the quick way took them.

    The quick way is tried before and after the careful one, which may have learned.
    """
    device = Device("box-1")
    careful(device, GOOD, LATEST_NS)
    pieces = [quick(device, data, LATEST_NS)]
    try:
        decoded = decode(data, device)
    except BodyError:
        assert pieces == [None], data
        assert quick(device, data, LATEST_NS) is None, data
        return False
    assert decoded.count + sum(one.readings for one in decoded.refusals) == len(decode_batch(data)["readings"])
    pieces.append(quick(device, data, LATEST_NS))
    for piece in pieces:
        if piece is not None:
            assert not decoded.refusals, data
            assert (piece[0].id, piece[1], piece[3]) == (decoded.stream, decoded.batch, decoded.count), data
            assert points(piece[2]) == points(decoded.lines), data
    return pieces[1] is not None


def points(lines: str) -> list[tuple[str, list[str], str]]:
    """Return lines as the points they are: in whichever order a point's fields stand, it is the same one."""
    found = []
    for line in lines.split("\n") if lines else []:
        head, fields, timestamp_ns = line.split(" ")
        found.append((head, sorted(fields.split(",")), timestamp_ns))
    return found
