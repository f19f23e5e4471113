"""Why a store refuses points, in short stable words to count by. Pure.

The words are those of InfluxDB 1.x and 2.x: `max-series-per-database limit exceeded`, `max-values-per-tag limit
exceeded`, `points beyond retention policy`, `field type conflict`, `unable to parse`.
"""

from __future__ import annotations

from typing import Final

SERIES_LIMIT: Final = "series limit"
BEYOND_RETENTION: Final = "beyond retention"
FIELD_TYPE: Final = "field type conflict"
NOT_LINE_PROTOCOL: Final = "not line protocol"
OTHER: Final = "refused by the store"

KINDS: Final = frozenset({SERIES_LIMIT, BEYOND_RETENTION, FIELD_TYPE, NOT_LINE_PROTOCOL, OTHER})

_KINDS: Final = (
    ("max-series-per-database", SERIES_LIMIT),
    ("max-values-per-tag", SERIES_LIMIT),
    ("beyond retention", BEYOND_RETENTION),
    ("field type conflict", FIELD_TYPE),
    ("unable to parse", NOT_LINE_PROTOCOL),
)


def refusal_kind(reason: str) -> str:
    """Return the short words for a store's own reason; `refused by the store` for one that is not known."""
    # What a store quotes of a line comes last in its words, so the first to be named is its own.
    found = [(reason.find(words), kind) for words, kind in _KINDS if words in reason]
    return min(found)[1] if found else OTHER
