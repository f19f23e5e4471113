"""The lamp at the button: what it shows, and when that changes."""

from __future__ import annotations

import pytest

from contract.messages import Lamps, LampState
from edge_agent.lamp import NOT_DELIVERED_AFTER_NS, TEST_PATTERNS, TEST_STEP_NS, Lamp, LampPanel, Pattern, level_at

S = 10**9
MS = 10**6


def panel_message(version: int, **lamps: LampState) -> Lamps:
    return Lamps(device="box-1", version=version, centre_time_ns=0, lamps=lamps)


def test_the_way_of_a_press() -> None:
    panel = LampPanel(["sos"])
    lamp = panel["sos"]
    assert lamp.pattern(0) == ("off", None)
    lamp.pressed("e1", 0)
    assert lamp.pattern(3 * S) == ("kept", 7 * S)
    assert lamp.pattern(NOT_DELIVERED_AFTER_NS) == ("not_delivered", None)
    panel.receipted("e1")
    assert lamp.pattern(11 * S) == ("received", None)
    assert panel.told(panel_message(1, sos="received"))
    assert panel.told(panel_message(2, sos="accepted"))
    assert lamp.pattern(12 * S) == ("accepted", None)
    assert panel.told(panel_message(3, sos="off"))
    assert lamp.pattern(13 * S) == ("off", None)


def test_an_older_or_equal_version_changes_nothing() -> None:
    panel = LampPanel(["sos"])
    panel.told(panel_message(5, sos="accepted"))
    assert not panel.told(panel_message(5, sos="off"))
    assert not panel.told(panel_message(4, sos="off"))
    assert panel["sos"].pattern(0)[0] == "accepted"


def test_a_button_the_desk_does_not_name_is_dark() -> None:
    panel = LampPanel(["sos"])
    panel.told(panel_message(1, sos="accepted"))
    panel.told(panel_message(2))
    assert panel["sos"].pattern(0)[0] == "off"


def test_a_press_without_receipt_outranks_an_accepted_one() -> None:
    lamp = Lamp()
    lamp.told("accepted")
    lamp.pressed("e2", 0)
    assert lamp.pattern(1)[0] == "kept"
    lamp.receipted("e2")
    assert lamp.pattern(1)[0] == "accepted"


@pytest.mark.parametrize(
    ("pattern", "at_ms", "lit", "left_ms"),
    [
        ("kept", 0, True, 500),
        ("kept", 499, True, 1),
        ("kept", 500, False, 500),
        ("kept", 1_000, True, 500),
        ("received", 0, True, 100),
        ("received", 150, False, 50),
        ("not_delivered", 90, False, 110),
        ("not_delivered", 250, True, 30),
        ("not_delivered", 700, False, 300),
    ],
)
def test_levels_within_a_pattern(pattern: Pattern, at_ms: int, lit: bool, left_ms: int) -> None:
    assert level_at(pattern, at_ms * MS) == (lit, left_ms * MS)


def test_steady_patterns_do_not_change_by_themselves() -> None:
    assert level_at("accepted", 5) == (True, None)
    assert level_at("off", 5) == (False, None)


def test_the_three_answers_cannot_be_confused_at_a_glance() -> None:
    """Each blinking pattern changes a different number of times within two seconds."""
    changes: dict[Pattern, int] = {}
    blinking: tuple[Pattern, ...] = ("kept", "received", "not_delivered")
    for pattern in blinking:
        at, count = 0, 0
        while at < 2 * S:
            left = level_at(pattern, at)[1]
            assert left is not None
            at, count = at + left, count + 1
        changes[pattern] = count
    assert changes == {"kept": 4, "received": 20, "not_delivered": 12}


def test_a_lamp_test_shows_each_pattern_and_is_dark_again() -> None:
    lamp = Lamp()
    assert lamp.test(S)
    shown = [lamp.pattern(S + step * TEST_STEP_NS)[0] for step in range(len(TEST_PATTERNS))]
    assert shown == ["kept", "received", "accepted", "not_delivered"]
    assert lamp.pattern(S + TEST_STEP_NS + 1) == ("received", TEST_STEP_NS - 1)
    assert lamp.pattern(S + len(TEST_PATTERNS) * TEST_STEP_NS) == ("off", None)


def test_a_press_ends_a_lamp_test_at_once_and_refuses_one() -> None:
    lamp = Lamp()
    assert lamp.test(S)
    lamp.pressed("e1", S + 1)
    assert lamp.pattern(S + 2)[0] == "kept"
    assert lamp.pattern(S + NOT_DELIVERED_AFTER_NS + 1)[0] == "not_delivered"
    assert not lamp.test(S + 3)
    lamp.receipted("e1")
    assert not lamp.test(S + 4), "an incident is open"
    lamp.told("off")
    assert lamp.test(S + 5)
