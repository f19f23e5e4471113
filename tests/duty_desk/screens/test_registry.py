"""Which screens are there, in which state, and which of them would ring."""

from __future__ import annotations

from typing import Any

import pytest

from duty_desk.incidents.actor import Actor, Role
from duty_desk.screens.registry import HIDDEN_NS, LEFT_NS, MAX_SCREENS, SIGN_NS, START_NS, Screens

_S = 10**9


class Room:
    """A registry with its clock, past the start."""

    def __init__(self, *, sirens: bool = False) -> None:
        self.screens = Screens(sirens=sirens)
        self._now_ns = 77 * _S
        self.screens.tick(self._now_ns)
        self.wait(START_NS)

    def wait(self, ns: int) -> None:
        while ns > 0:
            step = min(ns, _S // 4)
            self._now_ns += step
            self.screens.tick(self._now_ns)
            ns -= step

    def freeze(self, ns: int) -> None:
        """Let time pass without a tick."""
        self._now_ns += ns
        self.screens.tick(self._now_ns)

    def enter(self, page: str = "p1", name: str = "Petugas 1", role: Role = "officer", screen: str = "Layar 1") -> None:
        self.screens.join(page, Actor(name, role, screen))
        self.alive(page, name)

    def alive(self, page: str = "p1", name: str = "Petugas 1", **more: Any) -> bool:
        told: dict[str, Any] = {"sound": "on", "visible": True, "revision": None} | more
        return self.screens.alive(page, name, **told)

    def states(self) -> list[tuple[str, str, bool]]:
        return [(each["screen"], each["state"], each["rings"]) for each in self.screens.view()]


def test_fault_36_a_page_that_gives_no_sign_is_asleep_after_12_s_and_does_not_ring() -> None:
    room = Room()
    room.enter()
    room.wait(SIGN_NS - 1)
    assert room.states() == [("Layar 1", "live", True)]
    assert room.screens.present() == {"officer", "everyone"}
    assert room.screens.ringing() == {"officer": 1, "everyone": 1, "supervisor": 0}
    room.wait(1)
    assert room.states() == [("Layar 1", "asleep", False)]
    assert room.screens.present() == set()
    assert room.screens.ringing() == {"officer": 0, "everyone": 0, "supervisor": 0}
    assert room.alive()
    assert room.states() == [("Layar 1", "live", True)]


def test_a_hidden_page_is_asleep_after_65_s_and_rings_for_12() -> None:
    room = Room()
    room.enter()
    room.alive(visible=False)
    assert room.states() == [("Layar 1", "hidden", True)]
    room.wait(SIGN_NS)
    assert room.states() == [("Layar 1", "hidden", False)]
    room.wait(HIDDEN_NS - SIGN_NS)
    assert room.states() == [("Layar 1", "asleep", False)]


@pytest.mark.parametrize(("sound", "rings"), [("on", True), ("unknown", True), ("blocked", False), ("quiet", False)])
def test_a_screen_whose_sound_is_held_back_does_not_ring(sound: str, rings: bool) -> None:
    room = Room()
    room.enter()
    room.alive(sound=sound)
    assert room.states() == [("Layar 1", "live", rings)]
    assert ("everyone" in room.screens.present()) is rings


def test_a_page_that_lives_and_takes_nothing_in_is_behind() -> None:
    room = Room()
    room.enter()
    room.screens.sent(5)
    room.wait(SIGN_NS // 2)
    room.screens.sent(6)
    room.wait(SIGN_NS // 2)
    room.alive(revision=5)
    assert room.states() == [("Layar 1", "live", True)]
    room.alive(revision=4)
    assert room.states() == [("Layar 1", "behind", False)]
    room.wait(SIGN_NS // 2)
    room.alive(revision=5)
    assert room.states() == [("Layar 1", "behind", False)]
    room.alive(revision=6)
    assert room.states() == [("Layar 1", "live", True)]


def test_a_page_that_comes_back_is_not_behind_for_having_been_away() -> None:
    room = Room()
    room.enter()
    room.screens.sent(9)
    room.wait(SIGN_NS)
    room.alive(revision=3)
    assert room.states() == [("Layar 1", "behind", False)]
    room.screens.leave("p1", Actor("Petugas 1", "officer", "Layar 1"))
    room.screens.join("p1", Actor("Petugas 1", "officer", "Layar 1"))
    assert room.states() == [("Layar 1", "live", True)]


def test_a_page_whose_stream_ended_counts_for_3_s_and_is_not_shown() -> None:
    room = Room()
    room.enter()
    room.screens.leave("p1", Actor("Petugas 1", "officer", "Layar 1"))
    assert (room.states(), room.screens.names()) == ([], [])
    assert not room.alive()
    room.wait(LEFT_NS - 1)
    assert room.screens.present() == {"officer", "everyone"}
    room.wait(1)
    assert room.screens.present() == set()


def test_a_new_stream_before_the_old_one_ended_is_the_same_page() -> None:
    room = Room()
    actor = Actor("Petugas 1", "officer", "Layar 1")
    room.enter()
    room.screens.join("p1", actor)
    room.screens.leave("p1", actor)
    assert room.states() == [("Layar 1", "live", True)]
    room.screens.leave("p1", actor)
    assert room.states() == []


def test_two_pages_of_one_name_are_told_apart_and_the_number_is_free_again() -> None:
    room = Room()
    room.enter("a")
    room.enter("b")
    room.enter("c", name="Petugas 2")
    assert [name for name, _, _ in room.states()] == ["Layar 1", "Layar 1 (2)", "Layar 1 (3)"]
    room.screens.leave("b", Actor("Petugas 1", "officer", "Layar 1"))
    room.enter("d")
    assert [name for name, _, _ in room.states()] == ["Layar 1", "Layar 1 (2)", "Layar 1 (3)"]
    assert room.screens.names() == ["Layar 1"]


def test_nobody_speaks_for_the_page_of_another_account() -> None:
    room = Room()
    room.enter()
    room.wait(SIGN_NS)
    assert not room.alive(name="Petugas 2")
    assert room.states() == [("Layar 1", "asleep", False)]


@pytest.mark.parametrize(
    ("role", "audiences"),
    [
        ("officer", {"officer", "everyone"}),
        ("supervisor", {"supervisor", "everyone"}),
        ("call_taker", {"everyone"}),
        ("viewer", {"everyone"}),
        ("admin", {"everyone"}),
    ],
)
def test_who_is_there_follows_the_role(role: Role, audiences: set[str]) -> None:
    room = Room(sirens=True)
    assert room.screens.present() == {"siren"}
    room.enter(role=role)
    assert room.screens.present() == audiences | {"siren"}


def test_after_the_start_everybody_is_taken_to_be_there_for_8_s() -> None:
    screens = Screens()
    screens.tick(5)
    assert screens.present() == {"officer", "everyone", "supervisor", "siren"}
    assert screens.ringing() is None, "nobody knows yet"
    for step in range(1, 9):
        screens.tick(5 + step * _S)
    assert screens.present() == set()


def test_a_desk_that_was_stopped_for_an_hour_does_not_find_everybody_asleep() -> None:
    room = Room()
    room.enter()
    room.freeze(3_600 * _S)
    assert room.states() == [("Layar 1", "live", True)]


def test_it_tells_once_what_changed() -> None:
    room = Room()
    assert room.screens.round() is None
    room.enter()
    told = room.screens.round()
    assert told is not None
    assert told[0] == {
        "screen": "Layar 1",
        "name": "Petugas 1",
        "role": "officer",
        "state": "live",
        "sound": "on",
        "rings": True,
    }
    room.wait(_S)
    room.alive()
    assert room.screens.round() is None
    room.wait(SIGN_NS)
    assert room.screens.round() is not None


def test_what_is_remembered_is_bounded() -> None:
    room = Room()
    for number in range(MAX_SCREENS + 50):
        room.enter(f"p{number}", screen=f"Layar {number}")
        room.screens.sent(number)
        if number % 2:
            room.screens.leave(f"p{number}", Actor("Petugas 1", "officer", f"Layar {number}"))
    assert len(room.screens._pages) <= MAX_SCREENS
    # Who just left made room for who came.
    assert room.alive(f"p{MAX_SCREENS + 48}")
    for number in range(1_000):
        room.screens.sent(number)
        room.wait(_S // 4)
    assert len(room.screens._sent) <= SIGN_NS // (_S // 4) + 1
