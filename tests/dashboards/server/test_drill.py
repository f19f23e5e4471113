"""The drill that a wall hears of: from either broker, until it ends or the desk is not heard."""

from __future__ import annotations

from contract.messages import Heartbeat
from dashboards.server.drill import UNHEARD_S, DrillHeard

S = 10**9
T0 = 1_795_325_400 * S


def beat(at_s: float, drill: str | None) -> Heartbeat:
    """Return what the desk said."""
    return Heartbeat(desk="desk", timestamp_ns=T0 + round(at_s * S), open_incidents=0, recording=True, drill=drill)


def test_it_runs_until_the_desk_says_otherwise_and_what_comes_late_says_nothing() -> None:
    heard = DrillHeard()
    assert heard.running(T0) is None
    heard.hear(beat(0, "Malam"), T0)
    assert heard.running(T0 + S) == "Malam"
    heard.hear(beat(2, None), T0 + 2 * S)
    heard.hear(beat(1, "Malam"), T0 + 3 * S)
    assert heard.running(T0 + 3 * S) is None


def test_a_desk_that_is_not_heard_runs_none_and_one_whose_clock_was_set_back_is_believed_then() -> None:
    heard = DrillHeard()
    heard.hear(beat(0, "Malam"), T0)
    later = T0 + round(UNHEARD_S * S)
    assert heard.running(later - 1) == "Malam"
    assert heard.running(later) is None
    heard.hear(beat(-3_600, "Siang"), later)
    assert heard.running(later) == "Siang"
