"""What a reply means, without a socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import (
    StoreDeniedError,
    StoreError,
    StoreMisconfiguredError,
    StorePartialError,
    StoreRefusedError,
    StoreRetryError,
    StoreSlowDownError,
    StoreTooLargeError,
)
from store.replies import MAX_REASON, MAX_RETRY_AFTER_S, write_fault

HTML = b"<html><body>502 Bad Gateway</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error":"field type conflict"}', StoreRefusedError),
        (400, b'{"error":"partial write: points beyond retention policy dropped=3"}', StorePartialError),
        (400, b'{"error":"partial wr', StoreRefusedError),
        (422, b"", StoreRefusedError),
        (401, b'{"error":"authorization failed"}', StoreDeniedError),
        (403, b"", StoreDeniedError),
        (404, b'{"error":"database not found: \\"siaga\\""}', StoreMisconfiguredError),
        (302, b"", StoreMisconfiguredError),
        (200, HTML, StoreMisconfiguredError),
        (413, b'{"error":"Request Entity Too Large"}', StoreTooLargeError),
        (429, b"", StoreSlowDownError),
        (408, b"", StoreRetryError),
        (500, b'{"error":"timeout"}', StoreRetryError),
        (502, HTML, StoreRetryError),
        (503, b"", StoreRetryError),
    ],
)
def test_the_status_decides_what_to_do(status: int, body: bytes, kind: type[StoreError]) -> None:
    assert type(write_fault(status, {}, body)) is kind


def test_204_is_accepted_whatever_else_comes_with_it() -> None:
    assert write_fault(204, {}, HTML) is None


@pytest.mark.parametrize(
    ("words", "dropped"),
    [
        ("partial write: max-series-per-database limit exceeded: (5) dropped=8", 8),
        ("partial write: unable to parse 'garbage': missing fields dropped=0", None),
        ("partial write: something", None),
    ],
)
def test_dropped_is_told_only_when_the_store_knows(words: str, dropped: int | None) -> None:
    fault = write_fault(400, {}, b'{"error":"%s"}' % words.encode())
    assert isinstance(fault, StorePartialError)
    assert fault.dropped == dropped
    assert fault.reason == words


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("", 5.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 5.0),
        ("-3", 5.0),
        ("99999", MAX_RETRY_AFTER_S),
        ("٣", 5.0),
    ],
)
def test_retry_after_is_read_within_bounds(header: str, seconds: float) -> None:
    fault = write_fault(429, {"Retry-After": header}, b"")
    assert isinstance(fault, StoreSlowDownError)
    assert fault.retry_after_s == seconds


def test_a_service_unavailable_that_names_a_time_asks_to_slow_down() -> None:
    assert isinstance(write_fault(503, {"retry-after": "2"}, b""), StoreSlowDownError)


@given(status=st.integers(100, 599), body=st.binary(max_size=2_000))
def test_any_reply_means_something_and_its_words_are_bounded(status: int, body: bytes) -> None:
    fault = write_fault(status, {}, body)
    assert (fault is None) == (status == 204)
    if isinstance(fault, StoreRefusedError):
        assert len(fault.reason) <= MAX_REASON
