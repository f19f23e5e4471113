"""Batches in pieces: nothing lost, nothing doubled, none too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.batch import Batch, Reading, decode_batch, encode_batch
from contract.errors import BodyError
from edge_agent.cutting import FRAME_BYTES, cut, cut_first, prefix, reading_bytes

DEVICE = "d" * 32


def body_of(texts: list[str]) -> bytes:
    readings = [
        Reading(timestamp_ns=number, sensor="s", kind="text", fields={"text": text}, clock="ntp")
        for number, text in enumerate(texts)
    ]
    return encode_batch(Batch(device=DEVICE, stream="0" * 16, batch=5, readings=readings))


@given(st.lists(st.text(max_size=40), min_size=1, max_size=40), st.integers(1, 3_000))
def test_the_pieces_are_the_batch_and_none_is_too_long(texts: list[str], max_bytes: int) -> None:
    body = body_of(texts)
    pieces = cut(body, ("1" * 16, 10**12), max_bytes)
    batches = [decode_batch(part) for _, _, part in pieces]
    assert [one for batch in batches for one in batch["readings"]] == decode_batch(body)["readings"]
    assert [(batch["stream"], batch["batch"]) for batch in batches] == [key for key, _, _ in pieces]
    assert [key[1] for key, _, _ in pieces] == list(range(10**12, 10**12 + len(pieces)))
    assert [len(batch["readings"]) for batch in batches] == [count for _, count, _ in pieces]
    assert {batch["device"] for batch in batches} == {DEVICE}
    assert all(len(part) <= max_bytes or count == 1 for _, count, part in pieces)


def test_the_first_piece_alone_is_short() -> None:
    body = body_of(["x" * 40] * 30)
    (first, second) = cut_first(body, ("1" * 16, 1), 1_000)
    assert len(first[2]) <= 1_000 < len(second[2])
    assert first[1] + second[1] == 30
    assert len(cut_first(body, ("1" * 16, 1), 10**6)) == 1


def test_a_reading_takes_the_bytes_that_are_told_and_the_frame_is_not_larger_than_told() -> None:
    one, two = body_of(["a"]), body_of(["a", "bcd"])
    assert len(two) - len(one) == reading_bytes(decode_batch(two)["readings"][1])
    longest = Batch(device="d" * 64, stream="f" * 16, batch=2**53, readings=decode_batch(one)["readings"])
    assert len(encode_batch(longest)) - reading_bytes(longest["readings"][0]) <= FRAME_BYTES


def test_a_prefix_is_never_empty() -> None:
    assert prefix([10**6], max_bytes=1, max_readings=5) == 1
    assert prefix([10] * 9, max_bytes=10**6, max_readings=5) == 5


def test_what_is_no_batch_is_refused() -> None:
    with pytest.raises(BodyError):
        cut(b"{}", ("1" * 16, 1), 100)
