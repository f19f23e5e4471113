"""What of a batch may go when room is short. Pure.

Rules:
- First the GPS of the oldest batches that were never sent: of each sensor's positions one in 30 s stays, counted back
  from the newest of the batch, so that the newest known position always stays. A batch is thinned at most once.
- Then the oldest telemetry, whole batches. Alarms are in another file and are never touched.
- A batch that may have been sent keeps its content for ever: the same number never names two contents.
"""

from __future__ import annotations

from contract.batch import Batch, Reading, decode_batch, encode_batch
from contract.errors import BodyError

THIN_NS = 30 * 10**9
THINNED = "thinned"
DISK_BUDGET = "disk budget"


def thin(readings: list[Reading]) -> list[Reading]:
    """Return what stays of a batch's readings, in their order: all but the positions that are less than 30 s older than
    a newer one of the same sensor that stays."""
    newest_first = sorted(
        (number for number, reading in enumerate(readings) if reading["kind"] == "position"),
        key=lambda number: readings[number]["timestamp_ns"],
        reverse=True,
    )
    stays: dict[str, int] = {}
    goes: set[int] = set()
    for number in newest_first:
        reading = readings[number]
        kept_ns = stays.get(reading["sensor"])
        if kept_ns is not None and kept_ns - reading["timestamp_ns"] < THIN_NS:
            goes.add(number)
        else:
            stays[reading["sensor"]] = reading["timestamp_ns"]
    return [reading for number, reading in enumerate(readings) if number not in goes]


def thin_body(body: bytes) -> tuple[bytes, int]:
    """Return a batch's body thinned, and how many readings that cost; one that is no batch comes back as it is."""
    try:
        batch = decode_batch(body)
    except BodyError:
        return body, 0
    left = thin(batch["readings"])
    lost = len(batch["readings"]) - len(left)
    return (encode_batch(Batch(**{**batch, "readings": left})), lost) if lost else (body, 0)
