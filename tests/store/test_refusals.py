"""The words a real InfluxDB refuses with, as short words to count by."""

from __future__ import annotations

import pytest

from store.refusals import BEYOND_RETENTION, FIELD_TYPE, NOT_LINE_PROTOCOL, OTHER, SERIES_LIMIT, refusal_kind


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("partial write: max-series-per-database limit exceeded: (5) dropped=8", SERIES_LIMIT),
        (
            'partial write: max-values-per-tag limit exceeded (9/9): measurement="m" tag="sensor" dropped=1',
            SERIES_LIMIT,
        ),
        ("partial write: points beyond retention policy dropped=3", BEYOND_RETENTION),
        ('partial write: field type conflict: input field "x" on measurement "m" is type float dropped=1', FIELD_TYPE),
        ("unable to parse 'garbage': missing fields", NOT_LINE_PROTOCOL),
        ("unable to parse 'field type conflict, beyond retention': missing fields", NOT_LINE_PROTOCOL),
        ("too large", OTHER),
        ("", OTHER),
    ],
)
def test_the_words_of_a_store_have_a_kind(reason: str, kind: str) -> None:
    assert refusal_kind(reason) == kind
