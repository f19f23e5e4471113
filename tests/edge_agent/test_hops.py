"""The way of a test press."""

from __future__ import annotations

from edge_agent.hops import MOST_EVENTS, MOST_HOPS, Hops


def test_each_hop_of_a_followed_event_counts_once_since_its_press() -> None:
    hops = Hops()
    hops.note("a", "card", 1)
    assert hops.of("a") is None
    hops.follow("a", 1_000_000)
    hops.note("a", "card", 3_500_000)
    hops.note("a", "card", 9_000_000)
    assert hops.of("a") == {"card": 2.5}


def test_events_and_hops_are_bounded() -> None:
    hops = Hops()
    for number in range(MOST_EVENTS + 3):
        hops.follow(f"e{number}", 0)
    assert [hops.of(f"e{number}") for number in range(3)] == [None] * 3
    for number in range(2 * MOST_HOPS):
        hops.note("e5", f"hop {number}", number)
    assert len(hops.of("e5") or {}) == MOST_HOPS
