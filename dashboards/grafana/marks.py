"""Levels, units and words as Grafana shows them. Pure.

No data is never green: the colour below the first threshold, and that of null, is grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from dashboards.model import Level, Threshold, Words

GREY = "#6b7280"
COLOURS: dict[Level, str] = {"good": "#2f8f4e", "watch": "#c98a00", "bad": "#d9480f", "critical": "#c2255c"}
MARKS: dict[Level, str] = {"good": "✓", "watch": "▲", "bad": "◆", "critical": "‼"}
"""The own board's marks: a mark means the same on every wall."""
LEVEL_WORDS: dict[Level, Words] = {
    "good": Words("Baik", "Good"),
    "watch": Words("Waspada", "Watch"),
    "bad": Words("Buruk", "Bad"),
    "critical": Words("Kritis", "Critical"),
}
NOTHING = Words("tanpa data", "no data")
CLEAR = "transparent"
"""The ground of a cell that is good: only what is not good catches the eye."""

_UNITS = {
    "%": "percent",
    "A": "amp",
    "By": "bytes",
    "Cel": "celsius",
    "Hz": "hertz",
    "V": "volt",
    "V.A": "voltamp",
    "W": "watt",
    "W.h": "watth",
    "W/m2": "Wm2",
    "[ppm]": "ppm",
    "dB": "dB",
    "dB[mW]": "dBm",
    "deg": "degree",
    "hPa": "pressurehpa",
    "lx": "lux",
    "m": "suffix: m",
    "m/s": "suffix: m/s",
    "mm": "suffix: mm",
    "s": "suffix: s",
    "ug/m3": "suffix: µg/m³",
}
"""Those of the store, and none that scales: a gauge of 746 mm beside one of 1.51 m looks higher."""
_SHOWN = {"ug/m3": Words("µg/m³", "µg/m³"), "m/h": Words("m/jam", "m/h"), "Cel": Words("°C", "°C")}
_CLOCKS: dict[str, tuple[Level, Words]] = {
    "ntp": ("good", Words("✓ NTP", "✓ NTP")),
    "gnss": ("good", Words("✓ satelit", "✓ satellites")),
    "centre": ("watch", Words("▲ dari pusat", "▲ from the centre")),
    "none": ("critical", Words("‼ tidak ada", "‼ none")),
}
_YES_NO: dict[str, tuple[Level, Words]] = {
    "0": ("bad", Words("◆ tidak", "◆ no")),
    "1": ("good", Words("✓ ya", "✓ yes")),
}
_STATES = {
    "open": Words("Terbuka", "Open"),
    "accepted": Words("Diterima", "Accepted"),
    "on_the_way": Words("Dalam perjalanan", "On the way"),
    "resolved": Words("Tertangani", "Resolved"),
    "closed": Words("Ditutup", "Closed"),
    "cancelled": Words("Dibatalkan", "Cancelled"),
}
ORIGINS = {
    "press": Words("Tekan", "Press"),
    "call": Words("Panggilan", "Call"),
    "threshold": Words("Ambang sensor", "Sensor threshold"),
    "fault": Words("Gangguan", "Fault"),
    "citizen": Words("Warga di loket", "Citizen"),
    "other": Words("Sistem lain", "Other system"),
}
ValueMapping = model.ValueMap | model.SpecialValueMap | model.RangeMap
_MOST = 1e15
"""Grafana takes a range without an end for one up to 0."""


def unit(ucum: str, language: str = "id") -> str:
    """Return Grafana's name of a UCUM unit; one it has no name for follows the value as it is written."""
    if ucum in ("", "1"):
        return "short"
    if ucum == "m/h":
        return f"suffix: {shown(ucum, language)}"
    return _UNITS.get(ucum, f"suffix: {ucum.strip('[]')}")


def shown(ucum: str, language: str) -> str:
    """Return a UCUM unit as people write it."""
    known = _SHOWN.get(ucum)
    return ucum if known is None else known.of(language)


def steps(thresholds: Sequence[Threshold], *, good: str = COLOURS["good"]) -> build.ThresholdsConfig:
    """Return thresholds for Grafana: grey below the first. `good` is the colour of what is good."""
    colours = {**COLOURS, "good": good}
    listed = [model.Threshold(value=None, color=GREY)]
    listed += [model.Threshold(value=each.value, color=colours[each.level]) for each in thresholds]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(listed)


def legend(thresholds: Sequence[Threshold], ucum: str, language: str = "id") -> str:
    """Return the bounds with their marks for a title, so that colour is never the only sign: `✓ ≥15.5 ▲ ≥55.4 ◆`."""
    if not thresholds:
        return ""
    parts = []
    for position, each in enumerate(thresholds):
        parts.append(MARKS[each.level] if position == 0 else f"≥{_number(each.value, language)} {MARKS[each.level]}")
    tail = f" {shown(ucum, language)}" if ucum not in ("", "1") else ""
    return "  ".join(parts) + tail


def level_words(thresholds: Sequence[Threshold], language: str) -> list[ValueMapping]:
    """Return the mappings of a value to its level's mark and word."""
    return [
        model.RangeMap(
            options=model.DashboardRangeMapOptions(
                from_val=each.value,
                to=_MOST,
                result=model.ValueMappingResult(
                    text=f"{MARKS[each.level]} {LEVEL_WORDS[each.level].of(language)}",
                    color=COLOURS[each.level],
                    index=index,
                ),
            )
        )
        # The first that holds counts, so the gravest bound comes first.
        for index, each in enumerate(sorted(thresholds, key=lambda one: one.value, reverse=True), 1)
    ]


def names(labels: Mapping[str, str]) -> ValueMapping:
    """Return the mapping of names of boxes to what the inventory calls them."""
    return model.ValueMap(
        {name: model.ValueMappingResult(text=label, index=index) for index, (name, label) in enumerate(labels.items())}
    )


def nothing(language: str, text: str = "") -> ValueMapping:
    """Return the mapping of null: words, and grey. Not of NaN too: Grafana takes every word for one."""
    return model.SpecialValueMap(
        model.DashboardSpecialValueMapOptions(
            match=model.SpecialValueMatch.NULL,
            result=model.ValueMappingResult(text=text or NOTHING.of(language), color=GREY, index=0),
        )
    )


def yes_or_no(language: str, *, good: str = COLOURS["good"]) -> ValueMapping:
    """Return words for 0 and 1, with their marks and colours. `good` is the colour of yes."""
    return _words(_YES_NO, language, good)


def states(language: str) -> ValueMapping:
    """Return words for the states of an incident."""
    return _plain(_STATES, language)


def origins(language: str) -> ValueMapping:
    """Return words for what began an incident."""
    return _plain(ORIGINS, language)


def clocks(language: str) -> ValueMapping:
    """Return words for where a box's clock comes from."""
    return _words(_CLOCKS, language)


def _number(value: float, language: str) -> str:
    text = f"{value:g}"
    return text if language == "en" else text.replace(".", ",")


def _words(known: dict[str, tuple[Level, Words]], language: str, good: str = COLOURS["good"]) -> ValueMapping:
    colours = {**COLOURS, "good": good}
    return model.ValueMap(
        {
            key: model.ValueMappingResult(text=words.of(language), color=colours[level], index=index)
            for index, (key, (level, words)) in enumerate(known.items(), 1)
        }
    )


def _plain(known: dict[str, Words], language: str) -> ValueMapping:
    return model.ValueMap(
        {
            key: model.ValueMappingResult(text=words.of(language), index=index)
            for index, (key, words) in enumerate(known.items(), 1)
        }
    )
