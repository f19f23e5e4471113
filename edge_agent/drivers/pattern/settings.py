"""The settings of a `pattern` sensor: which lines are which quantities."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from contract.settings import Settings
from edge_agent.drivers.fields import KindName, Scaling, quantities
from edge_agent.drivers.line import LineSettings
from edge_agent.drivers.pattern.cutter import MOST_LINE_BYTES
from edge_agent.drivers.pattern.regex import Regex

MOST_READINGS: Final = 16
MOST_WORDS: Final = 32

Word = Annotated[str, Field(max_length=64)]


def _pattern(text: str) -> str:
    regex = Regex(text)
    if not regex.groups:
        raise ValueError("it needs a named group for each field, such as (?P<level_m>[0-9]+)")
    if regex.search(b"") is not None:
        raise ValueError("it matches a line that is empty")
    return text


def _ascii(text: str) -> str:
    if not text.isascii():
        raise ValueError("ASCII characters only")
    return text


class FieldSettings(Scaling):
    """How a group's text becomes a number: what `words` says of it, else the number it is. A text in `missing` is no
    value."""

    words: Annotated[dict[Word, float], Field(max_length=MOST_WORDS)] = Field(default_factory=dict)
    missing: Annotated[list[Word], Field(max_length=MOST_WORDS)] = Field(default_factory=list)


class ReadingSettings(Settings):
    """The fields of one kind, found by one pattern; its named groups are the fields."""

    kind: KindName
    pattern: Annotated[str, AfterValidator(_pattern)]
    fields: dict[str, FieldSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _of_the_catalogue(self) -> Self:
        groups = Regex(self.pattern).groups
        for name, quantity in quantities(self.kind, groups).items():
            if quantity.type not in ("float", "int"):
                raise ValueError(f"{self.kind}.{name} is no number")
        for name in self.fields:
            if name not in groups:
                raise ValueError(f"fields.{name}: the pattern has no group of this name; it has: {', '.join(groups)}")
        return self


class PatternSettings(LineSettings):
    """A sensor that sends lines of text.

    Each of the characters `ends` ends a line. `begins` is what each line begins with: give it when there is something,
    for it tells a whole line from the end of one. A line longer than `longest` bytes is cut to its last ones.
    """

    ends: Annotated[str, Field(min_length=1, max_length=4), AfterValidator(_ascii)] = "\r\n"
    begins: Annotated[str, Field(max_length=16), AfterValidator(_ascii)] = ""
    longest: Annotated[int, Field(ge=8, le=MOST_LINE_BYTES)] = 256
    readings: Annotated[list[ReadingSettings], Field(min_length=1, max_length=MOST_READINGS)]

    def gives(self) -> frozenset[tuple[str, str]]:
        """Return the fields of its readings."""
        return frozenset((self.id, f"{one.kind}.{name}") for one in self.readings for name in Regex(one.pattern).groups)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if set(self.begins) & set(self.ends):
            raise ValueError("begins has a character that ends a line")
        return self
