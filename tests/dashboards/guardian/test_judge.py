"""The judge in virtual time: each fault is named rightly within 30 s, nothing flaps, nobody is hidden by another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.messages import ScreenState
from dashboards.boards import DASHBOARDS
from dashboards.guardian.beat import Beat
from dashboards.guardian.judge import MAX_PAGES, Judge
from dashboards.guardian.signs import GRAVITY, MAX_REFRESH_S, Limits, signs
from tests.dashboards.guardian.beats import OTHER, PAGE, Room, board, grafana

PATIENCE_MS = (MAX_REFRESH_S + 8) * 1_000 + 1

FAULTS: list[tuple[Beat, ScreenState, str]] = [
    (grafana(ticked_ms=9_000), "frozen", "frame_still"),
    (grafana(attempted_ms=PATIENCE_MS, answered_ms=PATIENCE_MS), "frozen", "frame_asks_nothing"),
    (grafana(attempted_ms=None, answered_ms=None), "frozen", "frame_asks_nothing"),
    (grafana(answered_ms=PATIENCE_MS), "stale", "no_answer"),
    (grafana(attempted_ms=PATIENCE_MS, answered_ms=PATIENCE_MS, loading=4), "stale", "no_answer"),
    (grafana(no_data=9), "stale", "no_data"),
    (grafana(log_in=True, panels=0), "logged_out", "log_in_form"),
    (grafana(missing=True, panels=0), "blank", "dashboard_missing"),
    (grafana(panels=0), "blank", "no_panels"),
    (grafana(reachable=False), "blank", "frame_empty"),
    (grafana(errors=1), "error", "panel_errors"),
    (grafana(hung_ms=9_000), "frozen", "page_hangs"),
    (grafana(painted_ms=6_000), "frozen", "not_painted"),
    (grafana(visible=False, painted_ms=6_000), "blank", "hidden"),
    (board(panels=0), "blank", "no_panels"),
    (board(errors=2), "error", "panel_errors"),
    (board(answered_ms=PATIENCE_MS), "frozen", "board_asks_nothing"),
]


@pytest.mark.parametrize(("beat", "state", "reason"), FAULTS, ids=[f"{f[0].source}-{f[2]}-{f[1]}" for f in FAULTS])
def test_each_fault_is_named_and_is_over_when_it_is_over(beat: Beat, state: ScreenState, reason: str) -> None:
    room = Room()
    room.run(20, grafana())
    assert room.verdict.state == "good"
    began_s = room.now_s
    room.run(6, beat)
    assert (room.verdict.state, room.verdict.reasons) == (state, (reason,))
    assert began_s < room.verdict.since_s <= began_s + 6
    room.run(6, grafana())
    assert room.verdict.state == state, "not good before it held"
    room.run(3, grafana())
    assert (room.verdict.state, room.verdict.reasons) == ("good", ())


def test_the_longest_way_to_a_name_is_30_s() -> None:
    limits = Limits()
    assert max(board.refresh_s for board in DASHBOARDS.values()) <= MAX_REFRESH_S
    way_s = MAX_REFRESH_S + limits.quiet_ms / 1_000 + limits.beat_s + limits.hold_s + limits.tick_s
    assert way_s <= 30
    assert limits.silent_s + limits.beat_s + limits.tick_s <= 30
    # A page that loads for ever, and one that goes from fault to fault.
    assert limits.never_loaded_s + limits.beat_s + limits.hold_s + limits.tick_s <= 30


def test_a_browser_that_says_nothing_is_gone_and_comes_back_to_its_screen() -> None:
    room = Room()
    room.run(20, grafana())
    room.run(10)
    assert (room.verdict.state, room.verdict.reasons) == ("gone", ("silent",))
    room.run(600)
    assert room.told[-1][1] == "gone", "nothing is forgotten by waiting"
    room.run(12, grafana(page=OTHER))
    assert room.verdict.state == "good"
    room.run(60, grafana(page=OTHER))
    assert room.verdict.state == "good", "the page before is forgotten"


def test_a_browser_that_was_killed_and_started_at_once_leaves_no_ghost() -> None:
    room = Room()
    room.run(20, grafana())
    room.run(30, grafana(page=OTHER))
    assert [state for _, state in room.told] == ["good"]


def test_a_screen_never_heard_is_gone_and_a_young_server_says_nothing() -> None:
    room = Room()
    room.run(7)
    assert room.judge.verdict(7) is None
    room.run(3)
    assert (room.verdict.state, room.verdict.reasons) == ("gone", ("never_heard",))


def test_a_reload_between_is_no_fault_and_a_closed_page_is_one() -> None:
    room = Room()
    room.run(20, grafana())
    room.judge.heard(7, "10.0.0.7", grafana(leaving=True), room.now_s)
    room.run(4)
    room.run(6, grafana(page=OTHER, loaded_ms=2_000, panels=0, answered_ms=None, attempted_ms=None))
    room.run(20, grafana(page=OTHER))
    assert [state for _, state in room.told] == ["good"]
    room.judge.heard(7, "10.0.0.7", grafana(page=OTHER, leaving=True), room.now_s)
    room.run(11)
    assert (room.verdict.state, room.verdict.reasons) == ("gone", ("closed",))


def test_nobody_elsewhere_hides_that_the_screen_in_the_room_stands_still() -> None:
    room = Room()
    room.run(20, grafana())
    looking_on = grafana(page=OTHER, browser=OTHER, kiosk=False)
    for _ in range(300):
        room.run(2, looking_on, origin="10.0.0.99")
    assert room.verdict.state == "gone"
    # From the same address, and even with the browser's name.
    room.run(60, grafana(page=OTHER, kiosk=False))
    assert room.verdict.state == "gone"


def test_whoever_looks_on_and_shuts_the_lid_does_not_make_the_screen_gone() -> None:
    room = Room()
    looking_on = grafana(page=OTHER, browser=OTHER, kiosk=False)
    for _ in range(10):
        room.run(2, looking_on, origin="10.0.0.99")
        room.run(2, grafana())
    room.run(120, grafana())
    assert {state for _, state in room.told} == {"good"}


def test_the_worst_page_of_a_screen_counts() -> None:
    room = Room()
    room.run(20, grafana(), grafana(page=OTHER, browser=OTHER, log_in=True))
    assert room.verdict.state == "logged_out"


def test_a_flood_of_pages_is_bounded_and_pushes_nobody_out() -> None:
    room = Room()
    room.run(4, grafana())
    for number in range(500):
        forged = grafana(page=f"{number:032x}", browser=f"{number:032x}")
        room.judge.heard(7, f"10.1.{number // 250}.{number % 250}", forged, room.now_s)
    assert len(room.judge._screens[7].pages) == MAX_PAGES
    assert PAGE in room.judge._screens[7].pages


def test_the_room_s_own_screen_finds_a_place_among_those_who_looked_on_before() -> None:
    room = Room()
    looking_on = [grafana(page=f"{n:032x}", browser=f"{n:032x}", kiosk=False) for n in range(MAX_PAGES + 1)]
    for n, beat in enumerate(looking_on):
        room.judge.heard(7, f"10.1.0.{n}", beat, room.now_s)
    room.run(30, grafana(log_in=True))
    assert (room.verdict.state, room.verdict.reasons) == ("logged_out", ("log_in_form",))


def test_where_others_took_all_places_of_a_screen_before_it_that_is_no_good_screen() -> None:
    room = Room()
    forged = [grafana(page=f"{n:032x}", browser=f"{n:032x}") for n in range(MAX_PAGES)]
    room.run(30, *forged)
    assert room.verdict.state == "good"
    room.run(30, *forged, grafana(log_in=True))
    assert (room.verdict.state, room.verdict.reasons) == ("error", ("crowded",))
    room.run(30, *forged)
    assert room.verdict.state == "good"


def test_it_reloads_once_then_after_pauses_that_double() -> None:
    room = Room()
    room.run(20, grafana())
    began_s = room.now_s
    room.run(3_000, grafana(ticked_ms=9_000))
    assert room.reloads[0] - began_s < 20
    pauses = [after - before for before, after in zip(room.reloads, room.reloads[1:], strict=False)]
    assert pauses[:4] == [pytest.approx(60 * 2**turn, abs=3) for turn in range(4)]
    assert max(pauses) <= 903
    assert room.verdict.reloads == len(room.reloads)
    room.reloads.clear()
    room.run(400, grafana())
    room.run(30, grafana(ticked_ms=9_000))
    assert len(room.reloads) == 1


@pytest.mark.parametrize("beat", [board(), grafana(visible=False), grafana(no_data=9)])
def test_where_a_reload_helps_nothing_none_is_asked_for(beat: Beat) -> None:
    room = Room()
    room.run(10, beat)
    room.judge.data(7, ("stale", "data_old"), 900.0, room.now_s)
    room.run(50, beat)
    assert room.verdict.state != "good"
    assert room.reloads == []


def test_screens_do_not_reload_all_at_once() -> None:
    judge = Judge(range(1, 25), 0.0)
    reloads: list[tuple[float, int]] = []
    for second in range(0, 120, 2):
        for number in range(1, 25):
            beat = grafana(page=f"{number:032x}", answered_ms=PATIENCE_MS)
            if judge.heard(number, f"10.0.0.{number}", beat, float(second)):
                reloads.append((second, number))
        judge.judge(float(second))
    times = [at for at, _ in reloads]
    assert len(set(times)) == len(times)
    assert {number for _, number in reloads} == set(range(1, 25))


def test_a_page_of_another_version_or_that_takes_too_much_memory_is_loaded_anew() -> None:
    for changed in ({"version": "v0"}, {"heap_bytes": 2_000_000_000}):
        room = Room()
        room.run(20, grafana(**changed))
        assert len(room.reloads) == 1
        assert room.verdict.state == "good"
    room = Room()
    room.run(20, grafana(version="v1", heap_bytes=600_000_000))
    assert room.reloads == []


def test_a_page_that_stays_of_another_version_is_not_loaded_anew_all_the_time() -> None:
    room = Room()
    room.run(2_000, grafana(version="v0"))
    assert 2 <= len(room.reloads) <= 14


def test_of_two_kiosks_at_one_address_the_older_does_not_take_the_place_of_the_newer() -> None:
    room = Room()
    room.run(10, grafana())
    room.run(10, grafana(), grafana(page=OTHER, browser=OTHER))
    room.run(60, grafana())
    assert room.verdict.state == "gone"


def test_a_frame_that_only_has_its_panels_yet_is_not_good_again() -> None:
    room = Room()
    room.run(20, grafana())
    room.run(10, grafana(answered_ms=PATIENCE_MS))
    room.run(10, grafana(loaded_ms=9_000, answered_ms=None, attempted_ms=None))
    assert (room.verdict.state, room.verdict.reasons) == ("stale", ("no_answer",))


def test_old_data_is_named_though_all_else_is_well_and_a_grave_fault_goes_before() -> None:
    room = Room()
    for _ in range(10):
        room.judge.data(7, ("stale", "data_old"), 900.0, room.now_s)
        room.run(2, grafana())
    assert (room.verdict.state, room.verdict.reasons, room.verdict.data_age_s) == ("stale", ("data_old",), 900.0)
    room.judge.data(7, ("stale", "data_old"), 900.0, room.now_s)
    room.run(8, grafana(ticked_ms=9_000))
    assert (room.verdict.state, room.verdict.reasons) == ("frozen", ("frame_still", "data_old"))
    room.run(10)
    assert room.verdict.state == "gone"


def test_a_page_that_loads_for_ever_is_blank() -> None:
    room = Room()
    room.run(20, grafana())
    began_s = room.now_s
    while room.verdict.state == "good" and room.now_s < began_s + 60:
        # A rotation of 10 s that never gets its dashboard.
        loaded_ms = int((room.now_s - began_s) * 1_000) % 10_000
        room.run(1, grafana(loaded_ms=loaded_ms, panels=0, answered_ms=None, attempted_ms=None))
    assert room.verdict.reasons == ("never_loaded",)
    assert room.now_s - began_s <= 30


def test_one_that_goes_from_fault_to_fault_is_named_too() -> None:
    room = Room()
    room.run(20, grafana())
    began_s = room.now_s
    for turn in range(15):
        room.run(2, grafana(errors=1) if turn % 2 else grafana(panels=0))
    assert room.told[1][0] - began_s <= 10
    assert room.verdict.state != "good"


_BEATS = st.sampled_from([grafana(), board(), *(beat for beat, _, _ in FAULTS), None])


@settings(max_examples=150, deadline=None)
@given(turns=st.lists(st.tuples(_BEATS, st.integers(1, 40)), min_size=1, max_size=12))
def test_whatever_comes_names_are_true_within_30_s_and_do_not_flap(turns: list[tuple[Beat | None, int]]) -> None:
    room = Room()
    room.run(12, grafana())
    for beat, seconds in turns:
        room.run(seconds, *([] if beat is None else [beat]))
        expected: Any = "gone" if beat is None else (signs(beat, Limits()) or [("good", "")])[0][0]
        if seconds >= 30:
            assert room.verdict.state == expected
    states = [state for state, before in zip(room.told[1:], room.told, strict=False) if state[1] != before[1]]
    for (at_s, state), (before_s, _) in zip(states[1:], states, strict=False):
        held_s = 6 if state == "good" else 0 if state == "gone" else 1
        assert at_s - before_s >= held_s
    assert all(state in GRAVITY for _, state in room.told)


@settings(max_examples=100, deadline=None)
@given(
    period_s=st.integers(1, 5),
    fault=st.sampled_from([beat for beat, _, _ in FAULTS]),
)
def test_a_fault_that_comes_and_goes_quickly_does_not_make_the_name_come_and_go(period_s: int, fault: Beat) -> None:
    room = Room()
    room.run(12, grafana())
    for _ in range(40):
        room.run(period_s, fault)
        room.run(period_s, grafana())
    changes = [state for state, before in zip(room.told[1:], room.told, strict=False) if state[1] != before[1]]
    assert len(changes) <= 1
