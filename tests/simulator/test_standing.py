"""A receiver on a post stays where it is, and errs as a receiver does."""

from __future__ import annotations

import math
from itertools import pairwise

from contract.inventory import parse_inventory
from simulator.standing import Standing
from simulator.streets import Place, metres_between, places_of
from simulator.tracker import Fix

POST = Place(-6.9214, 107.6068)


def metres(one: Place | Fix, other: Place | Fix) -> float:
    places = (Place(each.latitude, each.longitude) for each in (one, other))
    return math.hypot(*metres_between(*places))


def test_it_stays_within_metres_and_is_never_quite_still() -> None:
    receiver = Standing(POST, seed=3)
    fixes = [receiver.advance(1.0) for _ in range(3_600)]
    off = [metres(POST, fix) for fix in fixes]
    assert max(off) < 7
    assert 1.0 < math.sqrt(sum(each * each for each in off) / len(off)) < 3.5
    assert max(metres(*pair) for pair in pairwise(fixes)) < 2, "what is wrong changes slowly"
    assert len({(fix.latitude, fix.longitude) for fix in fixes}) > 3_000
    assert max(fix.speed_mps for fix in fixes) < 0.1


def test_the_same_seed_errs_the_same_way() -> None:
    one, two, other = (Standing(POST, seed) for seed in (7, 7, 8))
    stood = [one.advance(1) for _ in range(10)]
    assert stood == [two.advance(1) for _ in range(10)]
    assert stood != [other.advance(1) for _ in range(10)]


def test_a_box_with_a_site_stands_there_and_one_without_drives() -> None:
    text = """version = 1
[[sites]]
id = "alun-alun"
address = "Jl. Asia Afrika"
latitude = -6.9214
longitude = 107.6068
[[devices]]
name = "box-1"
label = "Tiang Alun-Alun"
site = "alun-alun"
[[devices]]
name = "box-2"
label = "Mobil"
vehicle = "patrol"
"""
    assert places_of(parse_inventory(text, source="inventory.toml")) == {"box-1": POST}
