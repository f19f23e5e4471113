"""What is in flight: which connection an answer is of, and when a batch goes out again."""

from __future__ import annotations

import random

import pytest

from contract.identity import body_hash
from edge_agent.batch_commands import Key
from edge_agent.batch_entry import Entry
from edge_agent.flight import RESEND_CAP_NS, RESEND_FIRST_NS, STALE_NS, Flight

S = 10**9
KEY: Key = ("00000000000000aa", 7)


def sent(now_ns: int = 0) -> tuple[Flight, int]:
    flight = Flight(random.Random(1))
    return flight, flight.send(KEY, Entry(1, 0, b"{}"), now_ns).sending


def due_after_s(flight: Flight, since_ns: int) -> float:
    (moment,) = flight.moments()
    return (moment - since_ns) / S


def test_without_a_puback_nothing_is_due() -> None:
    flight, _ = sent()
    assert flight.again(10**6 * S) == []
    assert flight.moments() == []


def test_the_wait_counts_from_the_puback_and_grows_with_each_sending() -> None:
    flight, sending = sent()
    expected = RESEND_FIRST_NS
    for _ in range(6):
        flight.acknowledged(sending, 100 * S, heard=True)
        assert 0.8 * expected <= due_after_s(flight, 100 * S) * S <= 1.2 * expected
        expected = min(2 * expected, RESEND_CAP_NS)
        sending = flight.send(KEY, flight[KEY], 200 * S).sending


def test_one_that_nobody_heard_is_due_soon() -> None:
    flight, sending = sent()
    flight.acknowledged(sending, 100 * S, heard=False)
    assert 4 <= due_after_s(flight, 100 * S) <= 6


@pytest.mark.parametrize("heard", [True, False])
def test_an_answer_of_a_connection_that_has_ended_changes_nothing(heard: bool) -> None:
    flight, sending = sent()
    flight.connected(S)
    assert flight.again(S) == [(KEY, flight[KEY])]
    flight.send(KEY, flight[KEY], S)
    flight.acknowledged(sending, 2 * S, heard=heard)
    assert flight.moments() == []
    assert flight.rate.on_the_way > 0


def test_only_what_was_answered_a_while_ago_is_hurried() -> None:
    flight, sending = sent()
    flight.hurry(100 * S)
    assert flight.again(100 * S) == [], "it lacks its PUBACK"
    flight.acknowledged(sending, 100 * S, heard=True)
    flight.hurry(100 * S + STALE_NS - 1)
    assert flight.again(100 * S + STALE_NS - 1) == []
    flight.hurry(100 * S + STALE_NS)
    assert len(flight.again(100 * S + STALE_NS)) == 1


def test_a_batch_is_known_by_its_hash_until_it_is_taken() -> None:
    flight, sending = sent()
    assert flight.named(body_hash(b"{}")) == KEY
    entry = flight.take(KEY)
    assert entry is not None
    assert entry.sent
    assert flight.named(body_hash(b"{}")) is None
    assert flight.take(KEY) is None
    flight.acknowledged(sending, S, heard=True)
    assert flight.rate.on_the_way == 0, "its bytes have arrived all the same"
