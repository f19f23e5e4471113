"""From raw numbers to a reading's fields: scaled exactly, and only if the catalogue finds them plausible. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator

from contract.batch import FieldValue
from contract.catalogue import KINDS, Quantity
from contract.settings import Settings

NO_VALUE: Final = "no value"
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,2})?")


class Scaling(Settings):
    """How a raw number becomes a quantity in the catalogue's unit: raw x `scale` + `offset`."""

    scale: float = 1.0
    offset: float = 0.0

    def apply(self, raw: Decimal) -> Decimal:
        """Return the scaled number; decimal, so that 3 x 0.1 is 0.3."""
        if not raw.is_finite():
            return raw
        return raw * Decimal(repr(self.scale)) + Decimal(repr(self.offset))


def number(text: str) -> Decimal | None:
    """Return the number a text is, as `-12.5` or `1.2e3`, of at most 18 digits on either side; None if it is none."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def scaled(quantity: Quantity, raw: Decimal, scaling: Scaling) -> FieldValue:
    """Return a number as a value of a quantity whose type is a number; a whole one is rounded."""
    value = scaling.apply(raw)
    return round(value) if quantity.type == "int" and value.is_finite() else float(value)


def plausible(kind: str, values: Mapping[str, FieldValue], counters: Counter[str]) -> dict[str, FieldValue] | None:
    """Return what the catalogue takes of a kind's values.

    A value outside its range is left out alone and counted as `implausible <field>`. When nothing is left, or a field
    the kind requires is not, it is counted as `no value` and None is returned.
    """
    quantities = {quantity.name: quantity for quantity in KINDS[kind].quantities}
    fields: dict[str, FieldValue] = {}
    for name, value in values.items():
        if quantities[name].fault(value) is None:
            fields[name] = value
        else:
            counters[f"implausible {name}"] += 1
    if fields and all(name in fields for name in KINDS[kind].required):
        return fields
    counters[NO_VALUE] += 1
    return None


def _known_kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"there is no kind {kind!r}; there are: {', '.join(sorted(KINDS))}")
    return kind


KindName = Annotated[str, AfterValidator(_known_kind)]
"""A kind of the catalogue, in settings."""


def quantities(kind: str, names: Collection[str]) -> dict[str, Quantity]:
    """Return the quantities of a reading of `kind` that has just the fields `names`.

    Raises:
        ValueError: The kind has no such field, or needs one more.
    """
    known = {quantity.name: quantity for quantity in KINDS[kind].quantities}
    for name in names:
        if name not in known:
            raise ValueError(f"{kind} has no field {name!r}; it has: {', '.join(known)}")
    missing = [name for name in KINDS[kind].required if name not in names]
    if missing:
        raise ValueError(f"{kind} needs the field {missing[0]!r}")
    return {name: known[name] for name in names}
