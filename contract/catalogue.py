"""The catalogue of quantities: what a kind of reading contains, in which unit and range, and its name for people.

Ranges are what is physically plausible, wide: a value outside is a defect of the sensor or the wiring, not weather.
Units are UCUM codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from contract.batch import FieldValue


@dataclass(frozen=True, slots=True)
class Quantity:
    """One field of a kind. `minimum` and `maximum` are inclusive and in `unit`; None for text and booleans."""

    name: str
    type: Literal["float", "int", "bool", "str"]
    unit: str
    minimum: float | None
    maximum: float | None
    label_en: str
    label_id: str

    def fault(self, value: FieldValue) -> str | None:
        """Return why a value is refused (`wrong type` or `out of range`), or None when it is good."""
        if self.type in ("bool", "str"):
            return None if type(value).__name__ == self.type else "wrong type"
        if isinstance(value, bool | str) or (self.type == "int" and not isinstance(value, int)):
            return "wrong type"
        if self.minimum is not None and not self.minimum <= value:
            return "out of range"
        if self.maximum is not None and not value <= self.maximum:
            return "out of range"
        return None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of reading; its name is the measurement in the store. `required` fields are in every reading of it."""

    name: str
    label_en: str
    label_id: str
    quantities: tuple[Quantity, ...]
    required: tuple[str, ...] = ()


def _number(
    name: str, unit: str, minimum: float, maximum: float, label_en: str, label_id: str, *, whole: bool = False
) -> Quantity:
    return Quantity(name, "int" if whole else "float", unit, minimum, maximum, label_en, label_id)


_KINDS = (
    Kind(
        "position",
        "Position",
        "Posisi",
        (
            _number("latitude", "deg", -90, 90, "Latitude", "Lintang"),
            _number("longitude", "deg", -180, 180, "Longitude", "Bujur"),
            _number("altitude_m", "m", -500, 20_000, "Altitude above mean sea level", "Ketinggian di atas muka laut"),
            _number("speed_mps", "m/s", 0, 600, "Speed over ground", "Kecepatan"),
            _number("course_deg", "deg", 0, 360, "Course over ground, from true north", "Arah gerak"),
            _number("satellites", "1", 0, 128, "Satellites used", "Satelit terpakai", whole=True),
            _number("hdop", "1", 0, 100, "Horizontal dilution of precision", "Dilusi presisi horizontal"),
        ),
        required=("latitude", "longitude"),
    ),
    Kind(
        "air_quality",
        "Air quality",
        "Kualitas udara",
        (
            _number("pm1_ugm3", "ug/m3", 0, 2_000, "Particles up to 1 µm", "Partikel sampai 1 µm"),
            _number("pm2_5_ugm3", "ug/m3", 0, 2_000, "Particles up to 2.5 µm", "Partikel sampai 2,5 µm"),
            _number("pm10_ugm3", "ug/m3", 0, 3_000, "Particles up to 10 µm", "Partikel sampai 10 µm"),
        ),
    ),
    Kind(
        "water_level",
        "Water level",
        "Tinggi muka air",
        (_number("level_m", "m", -10, 50, "Level above the gauge's zero", "Tinggi dari nol papan duga"),),
        required=("level_m",),
    ),
    Kind(
        "box_health",
        "Box health",
        "Kesehatan boks",
        (
            _number("uptime_s", "s", 0, 1e9, "Time since boot", "Waktu sejak menyala"),
            _number("cpu_temperature_c", "Cel", -40, 150, "Processor temperature", "Suhu prosesor"),
            _number("disk_free_bytes", "By", 0, 1e15, "Free space of the data folder", "Ruang bebas", whole=True),
            _number("memory_available_bytes", "By", 0, 1e15, "Available memory", "Memori tersedia", whole=True),
            _number("waiting_readings", "1", 0, 1e12, "Readings without receipt", "Bacaan tanpa resi", whole=True),
        ),
    ),
)

KINDS: MappingProxyType[str, Kind] = MappingProxyType({kind.name: kind for kind in _KINDS})
_FIELDS = {kind.name: {quantity.name: quantity for quantity in kind.quantities} for kind in _KINDS}


def fault(kind: str, fields: dict[str, FieldValue]) -> str | None:
    """Return why the catalogue refuses a reading, or None when it is good.

    Returns:
        `unknown kind`, `unknown field`, `wrong type`, `out of range` or `missing field`, followed by `: name`.
    """
    known = _FIELDS.get(kind)
    if known is None:
        return f"unknown kind: {kind}"
    for name, value in fields.items():
        quantity = known.get(name)
        if quantity is None:
            return f"unknown field: {name}"
        wrong = quantity.fault(value)
        if wrong is not None:
            return f"{wrong}: {name}"
    for name in KINDS[kind].required:
        if name not in fields:
            return f"missing field: {name}"
    return None
