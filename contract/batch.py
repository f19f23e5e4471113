"""A batch of readings, and the collector's receipt for it.

This is the hot path of the collector, so the types are TypedDicts under one pydantic TypeAdapter that parses and checks
the bytes in one pass: no objects are built per reading.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator, with_config
from typing_extensions import TypedDict

from contract.errors import BodyError
from contract.identity import BodyHash, Name, StreamId
from contract.messages import Count, Message, Nanoseconds, first_fault, parse_json
from contract.time_quality import ClockSource

MAX_BATCH_BYTES = 262_144
"""A batch is at most this many bytes as JSON."""
MAX_BATCH_READINGS = 1_000
MAX_READING_FIELDS = 32
MAX_RECEIPT_BYTES = 65_536
"""A receipt is at most this many bytes as JSON."""
MAX_RECEIPT_NAMES = 400
"""Ranges, and also bodies, that one receipt names; the largest receipt stays below `MAX_RECEIPT_BYTES`."""
MAX_TEXT = 256
"""Characters of a text field."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Integer = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
FieldValue = bool | Integer | Finite | Text
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


@with_config(ConfigDict(extra="ignore"))
class Reading(TypedDict):
    """One reading of one sensor.

    `timestamp_ns` is frozen before the first sending; device, sensor, kind and timestamp_ns identify the point in the
    store, so sending it again changes nothing. `kind` is a kind of the catalogue and `fields` its quantities.
    """

    timestamp_ns: Nanoseconds
    sensor: Name
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    fields: Annotated[dict[FieldName, FieldValue], Field(min_length=1, max_length=MAX_READING_FIELDS)]
    clock: ClockSource


@with_config(ConfigDict(extra="ignore"))
class Batch(TypedDict):
    """Readings under one number. (device, stream, batch) never names two different batches."""

    device: Name
    stream: StreamId
    batch: Count
    readings: Annotated[list[Reading], Field(min_length=1, max_length=MAX_BATCH_READINGS)]


class Range(Message):
    """Batch numbers `first` to `last` of a stream, both included."""

    stream: StreamId
    first: Count
    last: Count

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError(f"first {self.first} is after last {self.last}")
        return self


class TelemetryReceipt(Message):
    """Each batch named here is stored, quarantined on disk or counted as refused: the device may forget it.

    `bodies` names bodies that could not be decoded, by SHA-256. `retry_after_s` asks for patience: until it passed, the
    device sends no batch.
    """

    device: Name
    ranges: Annotated[list[Range], Field(max_length=MAX_RECEIPT_NAMES)] = Field(default_factory=list)
    bodies: Annotated[list[BodyHash], Field(max_length=MAX_RECEIPT_NAMES)] = Field(default_factory=list)
    retry_after_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] | None = None


BATCH: TypeAdapter[Batch] = TypeAdapter(Batch)
READING: TypeAdapter[Reading] = TypeAdapter(Reading)

_BATCH_KEYS = len(Batch.__annotations__)
_READING_KEYS = len(Reading.__annotations__)


def encode_batch(batch: Batch) -> bytes:
    """Return a batch as UTF-8 JSON."""
    return BATCH.dump_json(batch)


def decode_batch(body: bytes) -> Batch:
    """Return a body as a batch, checked.

    Raises:
        BodyError: With reason `oversize`, `not utf-8`, `not json`, `nested too deep`, `duplicate key` or `invalid`.
    """
    if len(body) > MAX_BATCH_BYTES:
        raise BodyError("oversize", body, detail=f"{len(body)} bytes, at most {MAX_BATCH_BYTES}")
    try:
        batch = BATCH.validate_json(body, strict=True)
    except ValidationError as error:
        # The slow parser runs only for bodies that are refused, to name the reason exactly.
        parse_json(body, max_bytes=MAX_BATCH_BYTES)
        raise BodyError("invalid", body, detail=first_fault(error)) from None
    # The fast parser keeps the last of duplicate keys. Each key written has a colon, so no duplicate can hide behind an
    # equal count; keys we do not know and colons in texts only cost the slow parser's look.
    if body.count(b":") != _BATCH_KEYS + sum(_READING_KEYS + len(reading["fields"]) for reading in batch["readings"]):
        parse_json(body, max_bytes=MAX_BATCH_BYTES)
    return batch
