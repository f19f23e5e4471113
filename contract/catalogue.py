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
        "weather",
        "Weather",
        "Cuaca",
        (
            _number("temperature_c", "Cel", -60, 80, "Air temperature", "Suhu udara"),
            _number("humidity_pct", "%", 0, 100, "Relative humidity", "Kelembapan relatif"),
            _number("pressure_hpa", "hPa", 300, 1_200, "Air pressure at the station", "Tekanan udara di stasiun"),
            _number("rain_mm", "mm", 0, 1_000, "Rain since the reading before", "Hujan sejak bacaan sebelumnya"),
            _number("rain_rate_mmph", "mm/h", 0, 2_000, "Intensity of rain", "Intensitas hujan"),
            _number("wind_speed_mps", "m/s", 0, 120, "Wind, mean of the interval", "Angin, rata-rata selang"),
            _number("wind_gust_mps", "m/s", 0, 150, "Wind, strongest 3 s of the interval", "Embusan angin 3 detik"),
            _number("wind_direction_deg", "deg", 0, 360, "Where the wind comes from, from true north", "Arah angin"),
            _number("solar_wpm2", "W/m2", 0, 2_000, "Solar irradiance", "Iradiasi matahari"),
            _number("illuminance_lx", "lx", 0, 250_000, "Illuminance", "Iluminans"),
        ),
    ),
    Kind(
        "enclosure",
        "Inside a cabinet",
        "Di dalam kabinet",
        (
            _number("temperature_c", "Cel", -60, 150, "Temperature inside", "Suhu di dalam"),
            _number("humidity_pct", "%", 0, 100, "Relative humidity inside", "Kelembapan di dalam"),
            _number("fan_rpm", "/min", 0, 50_000, "Fan speed", "Putaran kipas"),
        ),
    ),
    Kind(
        "electrical",
        "Electrical",
        "Kelistrikan",
        (
            _number("voltage_v", "V", -1e6, 1e6, "Voltage", "Tegangan"),
            _number("voltage_l1_v", "V", 0, 1e6, "Voltage of phase 1", "Tegangan fase 1"),
            _number("voltage_l2_v", "V", 0, 1e6, "Voltage of phase 2", "Tegangan fase 2"),
            _number("voltage_l3_v", "V", 0, 1e6, "Voltage of phase 3", "Tegangan fase 3"),
            _number("current_a", "A", -1e5, 1e5, "Current", "Arus"),
            _number("current_l1_a", "A", -1e5, 1e5, "Current of phase 1", "Arus fase 1"),
            _number("current_l2_a", "A", -1e5, 1e5, "Current of phase 2", "Arus fase 2"),
            _number("current_l3_a", "A", -1e5, 1e5, "Current of phase 3", "Arus fase 3"),
            _number("power_w", "W", -1e9, 1e9, "Active power", "Daya aktif"),
            _number("apparent_power_va", "V.A", 0, 1e9, "Apparent power", "Daya semu"),
            _number("energy_wh", "W.h", -1e15, 1e15, "Energy counted so far", "Energi tercatat"),
            _number("frequency_hz", "Hz", 0, 1_000, "Frequency", "Frekuensi"),
            _number("power_factor", "1", -1, 1, "Power factor", "Faktor daya"),
            _number("charge_pct", "%", 0, 100, "Charge of the battery", "Isi baterai"),
        ),
    ),
    Kind(
        "gas",
        "Gas",
        "Gas",
        (
            _number("co_ppm", "[ppm]", 0, 1e6, "Carbon monoxide", "Karbon monoksida"),
            _number("co2_ppm", "[ppm]", 0, 1e6, "Carbon dioxide", "Karbon dioksida"),
            _number("h2s_ppm", "[ppm]", 0, 1e6, "Hydrogen sulfide", "Hidrogen sulfida"),
            _number("nh3_ppm", "[ppm]", 0, 1e6, "Ammonia", "Amonia"),
            _number("no2_ppb", "[ppb]", 0, 1e6, "Nitrogen dioxide", "Nitrogen dioksida"),
            _number("so2_ppb", "[ppb]", 0, 1e6, "Sulfur dioxide", "Belerang dioksida"),
            _number("o3_ppb", "[ppb]", 0, 1e6, "Ozone", "Ozon"),
            _number("explosive_pct_lel", "%", 0, 100, "Of the lower explosive limit", "Dari batas ledak bawah"),
        ),
    ),
    Kind(
        "soil",
        "Soil",
        "Tanah",
        (
            _number("moisture_pct", "%", 0, 100, "Volumetric water content", "Kadar air volumetrik"),
            _number("temperature_c", "Cel", -60, 80, "Soil temperature", "Suhu tanah"),
            _number("conductivity_uspcm", "uS/cm", 0, 100_000, "Electrical conductivity", "Daya hantar listrik"),
            _number("acidity_ph", "[pH]", 0, 14, "Acidity", "Keasaman"),
        ),
    ),
    Kind(
        "noise",
        "Noise",
        "Kebisingan",
        (_number("level_db", "dB", 0, 200, "Sound level, A-weighted", "Tingkat bunyi, bobot A"),),
    ),
    Kind(
        "contact",
        "Contact",
        "Kontak",
        (_number("active", "1", 0, 1, "Closed or switched on (1)", "Tertutup atau menyala (1)", whole=True),),
        required=("active",),
    ),
    Kind(
        "pulses",
        "Pulses",
        "Pulsa",
        (
            _number("pulses", "1", 0, 1e15, "Pulses since the reading before", "Pulsa sejak bacaan lalu", whole=True),
            _number("rate_hz", "Hz", 0, 1e6, "Pulses a second", "Pulsa per detik"),
        ),
        required=("pulses",),
    ),
    Kind(
        "box_health",
        "Box health",
        "Kesehatan boks",
        (
            _number("uptime_s", "s", 0, 1e9, "Time since boot", "Waktu sejak menyala"),
            _number("cpu_temperature_c", "Cel", -40, 150, "Processor temperature", "Suhu prosesor"),
            _number("disk_free_bytes", "By", 0, 1e15, "Free space of the data folder", "Ruang bebas", whole=True),
            _number("disk_total_bytes", "By", 0, 1e15, "Size of the data folder's card", "Ukuran kartu", whole=True),
            _number("disk_written_bytes", "By", 0, 1e18, "Written since boot", "Ditulis sejak menyala", whole=True),
            _number("disk_worn_pct", "%", 0, 200, "Rated life of the card used up", "Umur kartu terpakai"),
            _number("memory_available_bytes", "By", 0, 1e15, "Available memory", "Memori tersedia", whole=True),
            _number("load_1min", "1", 0, 10_000, "Processes that wanted to run, 1 minute", "Beban 1 menit"),
            _number("throttled", "1", 0, 1, "Processor slowed down now (1)", "Prosesor diperlambat (1)", whole=True),
            _number("under_voltage", "1", 0, 1, "Supply too low now (1)", "Catu daya kurang (1)", whole=True),
            _number("on_mains", "1", 0, 1, "Supplied by the mains (1)", "Bersumber PLN (1)", whole=True),
            _number("supply_v", "V", 0, 1_000, "Voltage of the supply or battery", "Tegangan catu daya"),
            _number("battery_pct", "%", 0, 100, "Charge of the battery", "Isi baterai"),
            _number("link_signal_dbm", "dB[mW]", -150, 30, "Signal of the radio link", "Sinyal tautan radio"),
            _number("link_quality_pct", "%", 0, 100, "Quality of the radio link", "Mutu tautan radio"),
            _number("link_up", "1", 0, 1, "A network link is up (1)", "Ada tautan jaringan (1)", whole=True),
            _number("link_errors", "1", 0, 1e18, "Frames lost or damaged", "Bingkai hilang atau rusak", whole=True),
            _number("clock_synchronised", "1", 0, 1, "Kernel's clock is kept (1)", "Jam tersinkron (1)", whole=True),
            _number("clock_error_s", "s", 0, 1e6, "Clock's largest error, by the kernel", "Galat jam terbesar"),
            _number("waiting_readings", "1", 0, 1e12, "Readings without receipt", "Bacaan tanpa resi", whole=True),
            _number("certificate_days", "d", -36_500, 36_500, "Until the certificate ends", "Sisa umur sertifikat"),
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
