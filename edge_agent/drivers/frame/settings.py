"""The settings of a `frame` sensor: how its frames are built, and which bytes are which quantity."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from contract.settings import Settings
from edge_agent.drivers.binary import MOST_FRAME_BYTES, Checksum, Layout, LengthField
from edge_agent.drivers.checksums import ALGORITHMS, ChecksumKind
from edge_agent.drivers.fields import KindName, Scaling, quantities
from edge_agent.drivers.frame.number import NUMBER_TYPES, NumberType
from edge_agent.drivers.line import LineSettings

MOST_READINGS: Final = 8
MOST_FIELDS: Final = 32
MOST_MATCHES: Final = 8

Order = Literal["big", "little"]
_HEX: Final = re.compile(r"[0-9A-Fa-f]{2}(?: ?[0-9A-Fa-f]{2})*")


def _hex(text: str) -> str:
    if not _HEX.fullmatch(text) or len(bytes.fromhex(text)) > 8:
        raise ValueError('one to eight bytes in hexadecimal; example: "42 4D"')
    return text


HexBytes = Annotated[str, AfterValidator(_hex)]
"""One to eight bytes, as `"42 4D"`."""
Offset = Annotated[int, Field(ge=-MOST_FRAME_BYTES, lt=MOST_FRAME_BYTES)]
"""A byte's place in a frame, 0 the first one; a negative one counts from the frame's end."""


class LengthSettings(Settings):
    """Where a frame says its length: the number at `at`, plus `plus`, is that of the whole frame, `least` to `most`."""

    at: Annotated[int, Field(ge=0, le=32)]
    type: Literal["u8", "u16be", "u16le"]
    plus: Annotated[int, Field(ge=-255, le=255)] = 0
    least: Annotated[int, Field(ge=2, le=MOST_FRAME_BYTES)] | None = None
    most: Annotated[int, Field(ge=2, le=MOST_FRAME_BYTES)]


class ChecksumSettings(Settings):
    """A checksum: its kind, where it is (else before the tail), and what it covers: from `first` to before `end`, or to
    itself."""

    kind: ChecksumKind
    order: Order = "big"
    at: Offset | None = None
    first: Offset = 0
    end: Offset | None = None


class FieldSettings(Scaling):
    """A number in the frame. `mask` takes some of its bits, moved down; a raw number in `missing` is no value."""

    at: Offset
    type: NumberType
    mask: Annotated[int, Field(ge=1, lt=2**32)] | None = None
    missing: Annotated[list[int], Field(max_length=16)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.mask is not None and not NUMBER_TYPES[self.type].unsigned:
            raise ValueError("mask needs an unsigned type, such as u16be")
        return self


class ReadingSettings(Settings):
    """The fields of one kind."""

    kind: KindName
    fields: Annotated[dict[str, FieldSettings], Field(min_length=1, max_length=MOST_FIELDS)]

    @model_validator(mode="after")
    def _of_the_catalogue(self) -> Self:
        for name, quantity in quantities(self.kind, self.fields).items():
            if quantity.type not in ("float", "int"):
                raise ValueError(f"{self.kind}.{name} is no number")
        return self


class MatchSettings(Settings):
    """Bytes a frame must have at `at` to be read; a frame without is left alone."""

    at: Offset
    bytes: HexBytes


class FrameSettings(LineSettings):
    """A sensor that sends binary frames. Nothing in a frame is beyond its shortest length."""

    header: HexBytes
    length: Annotated[int, Field(ge=2, le=MOST_FRAME_BYTES)] | None = None
    length_field: LengthSettings | None = None
    tail: HexBytes | None = None
    checksum: ChecksumSettings | None = None
    matches: Annotated[list[MatchSettings], Field(max_length=MOST_MATCHES)] = Field(default_factory=list)
    readings: Annotated[list[ReadingSettings], Field(min_length=1, max_length=MOST_READINGS)]

    def gives(self) -> frozenset[tuple[str, str]]:
        """Return the fields of its readings."""
        return frozenset((self.id, f"{one.kind}.{name}") for one in self.readings for name in one.fields)

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if (self.length is None) == (self.length_field is None):
            raise ValueError("needs length or length_field, and not both")
        if self.length_field is not None:
            self._inside_shortest("length_field", self.length_field.at, 1 if self.length_field.type == "u8" else 2)
            if self.shortest > self.length_field.most:
                raise ValueError(f"length_field: least, {self.shortest}, is more than most, {self.length_field.most}")
        header, tail = len(bytes.fromhex(self.header)), len(bytes.fromhex(self.tail or ""))
        if header + tail > self.shortest:
            raise ValueError(f"header and tail are longer than the shortest frame, {self.shortest} bytes")
        if self.checksum is not None:
            self._checksum_inside(self.checksum)
        for match in self.matches:
            self._inside_shortest("matches", match.at, len(bytes.fromhex(match.bytes)))
        for reading in self.readings:
            for name, field in reading.fields.items():
                self._inside_shortest(f"{reading.kind}.{name}", field.at, NUMBER_TYPES[field.type].size)
        return self

    @property
    def shortest(self) -> int:
        """The shortest frame, in bytes: what `least` says, else what the frame's fixed parts and fields need."""
        if self.length is not None:
            return self.length
        if self.length_field is not None and self.length_field.least is not None:
            return self.length_field.least
        return max(2, len(bytes.fromhex(self.header)), self._needed())

    def layout(self) -> Layout:
        """Return how a frame is built."""
        tail = bytes.fromhex(self.tail or "")
        return Layout(
            header=bytes.fromhex(self.header),
            length=self._length(),
            checksum=None if self.checksum is None else _checksum(self.checksum, len(tail)),
            tail=tail,
        )

    def _length(self) -> int | LengthField:
        field = self.length_field
        if field is None:
            return self.shortest
        return LengthField(
            at=field.at,
            size=1 if field.type == "u8" else 2,
            order="little" if field.type == "u16le" else "big",
            plus=field.plus,
            least=self.shortest,
            most=field.most,
        )

    def _checksum_inside(self, checksum: ChecksumSettings) -> None:
        where = _checksum(checksum, len(bytes.fromhex(self.tail or "")))
        self._inside_shortest("checksum", where.at, ALGORITHMS[where.kind].size)
        self._inside_shortest("checksum.first", where.first, 1)
        first, end = (at if at >= 0 else self.shortest + at for at in (where.first, where.end))
        if not first < end <= self.shortest:
            raise ValueError(
                f"checksum covers bytes {first} to {end} of a frame of {self.shortest}: nothing, or too much"
            )

    def _needed(self) -> int:
        """Return how long a frame is whose fields with an offset from its beginning all lie inside."""
        fields = [field for reading in self.readings for field in reading.fields.values()]
        return max((field.at + NUMBER_TYPES[field.type].size for field in fields if field.at >= 0), default=0)

    def _inside_shortest(self, what: str, at: int, size: int) -> None:
        first = at if at >= 0 else self.shortest + at
        if not 0 <= first <= self.shortest - size:
            raise ValueError(f"{what}: {size} bytes at {at} are not inside a frame of {self.shortest} bytes")


def _checksum(settings: ChecksumSettings, tail: int) -> Checksum:
    size = ALGORITHMS[settings.kind].size
    at = settings.at if settings.at is not None else -(tail + size)
    end = settings.end if settings.end is not None else at
    return Checksum(settings.kind, settings.order, at=at, first=settings.first, end=end)
