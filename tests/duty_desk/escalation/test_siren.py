"""When the sirens are told something, in virtual time."""

from __future__ import annotations

from duty_desk.incidents.siren import AGAIN_NS, EXPIRES_NS, SOUND_S, Sirens

_S = 10**9
WALL_NS = 1_800_000_000 * _S


def test_it_sounds_is_told_again_while_it_is_wanted_and_is_silent_once() -> None:
    sirens = Sirens(("box-1", "box-2"))
    told: list[tuple[float, str, bool]] = []
    for quarter in range(4 * 40):
        now_ns = quarter * _S // 4
        for command in sirens.commands(5 * _S <= now_ns < 30 * _S, wall_ns=WALL_NS + now_ns, monotonic_ns=now_ns):
            told.append((now_ns / _S, command.device, command.on))
            assert command.expires_at_ns == WALL_NS + now_ns + EXPIRES_NS
            assert command.seconds == (SOUND_S if command.on else 0)
    both = [(at_s, on) for at_s, device, on in told if device == "box-1"]
    assert both == [(at_s, on) for at_s, device, on in told if device == "box-2"]
    assert both == [(5.0, True), (15.0, True), (25.0, True), (30.0, False)]


def test_a_command_that_is_lost_is_made_good_before_the_siren_ends() -> None:
    assert SOUND_S * _S > 2 * AGAIN_NS


def test_each_command_has_an_id_of_its_own_and_without_sirens_there_is_none() -> None:
    commands = Sirens(("box-1", "box-2")).commands(True, wall_ns=WALL_NS, monotonic_ns=0)
    assert len({command.id for command in commands}) == 2
    assert Sirens(()).commands(True, wall_ns=WALL_NS, monotonic_ns=0) == []
