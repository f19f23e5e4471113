"""Levels, units and words as Grafana shows them. Pure.

No data is never green: the colour below the first threshold, and that of null, is grey.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from dashboards.model import Level, Threshold, Words

GREY = "#6b7280"
COLOURS: dict[Level, str] = {"good": "#2f8f4e", "watch": "#c98a00", "bad": "#d9480f", "critical": "#c2255c"}
MARKS: dict[Level, str] = {"good": "✓", "watch": "!", "bad": "‼", "critical": "✖"}
NOTHING = Words("tanpa data", "no data")

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
    "m": "lengthm",
    "m/s": "velocityms",
    "mm": "lengthmm",
    "s": "s",
    "ug/m3": "conμgm3",
}
_CLOCKS: dict[str, tuple[Level, Words]] = {
    "ntp": ("good", Words("✓ NTP", "✓ NTP")),
    "gnss": ("good", Words("✓ satelit", "✓ satellites")),
    "centre": ("watch", Words("! dari pusat", "! from the centre")),
    "none": ("critical", Words("✖ tidak ada", "✖ none")),
}
_YES_NO: dict[str, tuple[Level, Words]] = {
    "0": ("bad", Words("✖ tidak", "✖ no")),
    "1": ("good", Words("✓ ya", "✓ yes")),
}
Mapping = model.ValueMap | model.SpecialValueMap


def unit(ucum: str) -> str:
    """Return Grafana's name of a UCUM unit; one it has no name for follows the value as it is written."""
    if ucum in ("", "1"):
        return "short"
    return _UNITS.get(ucum, f"suffix: {ucum.strip('[]')}")


def steps(thresholds: Sequence[Threshold]) -> build.ThresholdsConfig:
    """Return thresholds for Grafana: grey below the first."""
    listed = [model.Threshold(value=None, color=GREY)]
    listed += [model.Threshold(value=each.value, color=COLOURS[each.level]) for each in thresholds]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(listed)


def legend(thresholds: Sequence[Threshold], ucum: str) -> str:
    """Return the bounds with their marks for a title, so that colour is never the only sign: `✓ <15.5 ! ≥55.4 ‼`."""
    if not thresholds:
        return ""
    parts = []
    for position, each in enumerate(thresholds):
        parts.append(MARKS[each.level] if position == 0 else f"≥{each.value:g} {MARKS[each.level]}")
    tail = f" {ucum}" if ucum not in ("", "1") else ""
    return "  ".join(parts) + tail


def nothing(language: str) -> Mapping:
    """Return the mapping of null: words, and grey. Not of NaN too: Grafana takes every word for one."""
    return model.SpecialValueMap(
        model.DashboardSpecialValueMapOptions(
            match=model.SpecialValueMatch.NULL,
            result=model.ValueMappingResult(text=NOTHING.of(language), color=GREY, index=0),
        )
    )


def yes_or_no(language: str) -> Mapping:
    """Return words for 0 and 1, with their marks and colours."""
    return _words(_YES_NO, language)


def clocks(language: str) -> Mapping:
    """Return words for where a box's clock comes from."""
    return _words(_CLOCKS, language)


def _words(known: dict[str, tuple[Level, Words]], language: str) -> Mapping:
    return model.ValueMap(
        {
            key: model.ValueMappingResult(text=words.of(language), color=COLOURS[level], index=index)
            for index, (key, (level, words)) in enumerate(known.items(), 1)
        }
    )
