"""Names of streets and what people type for them, made alike. Pure.

`Jl. Ir. H. Djuanda` and `JALAN IR H JUANDA` come out the same: the spelling of before 1972 (oe, dj, tj) is written as
today's. What is left is a letter more or less, which the search forgives.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_WORDS: Final = 12

_WORD: Final = re.compile(r"[a-z0-9]+")
_KINDS: Final = frozenset({"jalan", "jl", "jln", "jalur", "street", "road"})
"""What a street is called before its name; it tells nothing."""
_SAME: Final = {
    "gg": "gang",
    "ters": "terusan",
    "trs": "terusan",
    "simp": "simpang",
    "sp": "simpang",
    "perempatan": "simpang",
    "pertigaan": "simpang",
    "persimpangan": "simpang",
    "jend": "jenderal",
    "jendral": "jenderal",
    "dr": "dokter",
    "prof": "profesor",
    "moh": "mohammad",
    "moch": "mohammad",
    "mochammad": "mohammad",
    "mohamad": "mohammad",
    "muhammad": "mohammad",
    "muh": "mohammad",
    "abd": "abdul",
    "rs": "rumahsakit",
    "rsu": "rumahsakit",
    "st": "stasiun",
    "utr": "utara",
    "sltn": "selatan",
    "tmr": "timur",
    "brt": "barat",
}
BETWEEN: Final = frozenset({"dan", "x", "sudut", "simpang", "and", "corner", "dengan", "vs"})
"""Words that stand between or before the two streets of a crossing."""
ASIDE: Final = frozenset({"no", "nomor", "nmr", "km", "rt", "rw", "depan", "dekat", "seberang", "samping", "near"})
"""Words that tell where at a street, which no map knows."""

COMMON: Final = frozenset({"gang", "terusan", "raya", "tol", "layang", "terminal", "stasiun", "taman", "komplek"})
"""Words of many names, which alone tell none."""


def words(text: str) -> list[str]:
    """Return the words of a name or a query: small letters without accents, abbreviations as what they stand for."""
    plain = unicodedata.normalize("NFKD", text[:400]).encode("ascii", "ignore").decode().lower()
    found = [_SAME.get(word) or _today(word) for word in _WORD.findall(plain) if word not in _KINDS]
    return found[:MAX_WORDS]


def _today(word: str) -> str:
    return word.replace("oe", "u").replace("dj", "j").replace("tj", "c")


def one_off(one: str, other: str) -> bool:
    """Return whether one word becomes the other by one letter more, less or changed, or two neighbours swapped."""
    if abs(len(one) - len(other)) > 1:
        return False
    if len(one) > len(other):
        one, other = other, one
    place = 0
    while place < len(one) and one[place] == other[place]:
        place += 1
    rest, more = one[place:], other[place:]
    if len(one) < len(other):
        return rest == more[1:]
    if rest[1:] == more[1:]:
        return True
    return rest[:2] == more[1::-1] and rest[2:] == more[2:]
