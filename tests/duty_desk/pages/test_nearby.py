"""Which incidents may be the one that is being reported."""

from __future__ import annotations

from typing import Any

import pytest

from duty_desk.incidents.board import Board
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.nearby import MAX_NEAR, RECENT_NS, Spot, nearby
from tests.duty_desk.test_incident import NOW, OPERATOR, alarm, do, press, report

BRAGA = Spot(-6.9211, 107.6098, "Jl. Braga 10, depan Gedung Merdeka")
NOWHERE = Spot(None, None, None)
METRE = 1 / 111_320


def north(spot: Spot, metres: float, address: str | None = None) -> Spot:
    """Return a spot so many metres north of another."""
    assert spot.latitude is not None
    return Spot(spot.latitude + metres * METRE, spot.longitude, address)


def called(board: Board, **more: Any) -> Incident:
    """Take a call."""
    incident = board.apply(board.report(report(**more), OPERATOR, NOW))
    assert incident is not None
    return incident


@pytest.mark.parametrize(("metres", "found"), [(0, True), (299, True), (301, False)])
def test_within_300_metres(metres: float, found: bool) -> None:
    one = press(Board(), alarm())
    near = nearby([(one, BRAGA)], north(BRAGA, metres, "Jl. Naripan"), NOW)
    assert bool(near) == found
    if near:
        assert near[0].distance_m == pytest.approx(metres, abs=1)
        assert not near[0].same_address


@pytest.mark.parametrize(
    ("typed", "known", "found"),
    [
        ("jalan braga no 10", "Jl. Braga 10", True),
        ("Braga", "Jl. Braga 10, depan Gedung Merdeka", True),
        ("Jl. Braga dan Jl. Naripan", "Jl. Braga × Jl. Naripan", True),
        ("Jl. Asia Afrika", "Jl. Braga 10", False),
        ("10", "Jl. Braga 10", False),
        ("terminal", "Terminal Leuwi Panjang", False),
        ("", "Jl. Braga 10", False),
        ("Braga", "", False),
    ],
)
def test_an_address_alone_is_enough_where_one_names_all_of_the_other(typed: str, known: str, found: bool) -> None:
    one = press(Board(), alarm())
    near = nearby([(one, Spot(None, None, known))], Spot(None, None, typed), NOW)
    assert bool(near) == found
    assert all(each.distance_m is None and each.same_address for each in near)


def test_a_long_street_is_not_one_place_but_the_same_address_is() -> None:
    one = press(Board(), alarm())
    far = north(BRAGA, 900, "Jl. Braga")
    assert not nearby([(one, BRAGA)], far, NOW)
    assert nearby([(one, north(BRAGA, 0, "Jalan Braga"))], far, NOW)[0].same_address


def test_what_ended_counts_for_half_an_hour_and_stands_behind_what_did_not() -> None:
    board = Board()
    over = do(board, "cancel", press(board, alarm()), reason="false_alarm")
    running = press(board, alarm())
    ended_ns = over.ended_at_ns or 0
    both = [(over, BRAGA), (running, north(BRAGA, 200))]
    assert [near.incident for near in nearby(both, BRAGA, ended_ns + RECENT_NS)] == [running, over]
    assert [near.incident for near in nearby(both, BRAGA, ended_ns + RECENT_NS + 1)] == [running]


def test_a_drill_is_never_the_same_as_a_call() -> None:
    board = Board()
    for status in ("Exercise", "Test"):
        assert not nearby([(press(board, alarm(status=status)), BRAGA)], BRAGA, NOW)


def test_the_nearest_stand_first_and_no_more_than_eight() -> None:
    board = Board()
    many = [
        (called(board, key=f"0b0e6f4c-55a2-4f0f-8f0d-{number:012d}"), north(BRAGA, 20 * (12 - number)))
        for number in range(12)
    ]
    near = nearby(many, BRAGA, NOW)
    assert len(near) == MAX_NEAR
    away = [each.distance_m for each in near if each.distance_m is not None]
    assert away == sorted(away)
    assert near[0].incident is many[-1][0]


def test_a_report_without_a_place_has_nothing_near_by() -> None:
    assert nearby([(press(Board(), alarm()), BRAGA)], NOWHERE, NOW) == []
