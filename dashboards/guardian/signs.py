"""What is wrong on a page, by one of its heartbeats alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contract.messages import ScreenState
from dashboards.boards import DASHBOARDS
from dashboards.guardian.beat import Beat, Board, Frame

Sign = tuple[ScreenState, str]
"""A state that a page seems to be in, and the reason: a stable word."""

MAX_REFRESH_S: Final = 15
"""No dashboard asks more seldom: a frame that stands still is named in 30 s."""
GRAVITY: Final[tuple[ScreenState, ...]] = ("gone", "frozen", "logged_out", "blank", "error", "stale", "good")

RELOAD_HELPS: Final = frozenset(
    {
        "not_painted",
        "frame_still",
        "frame_asks_nothing",
        "board_asks_nothing",
        "log_in_form",
        "frame_empty",
        "dashboard_missing",
        "no_panels",
        "never_loaded",
        "panel_errors",
        "no_answer",
    }
)
"""Reasons for which a page is told to load itself anew; that data is old is none of them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on something is wrong, in s unless said otherwise.

    The longest way from a fault to its name is `refresh + quiet + beat + hold + tick`; it has to stay within 30 s.
    """

    beat_s: float = 2.0
    silent_s: float = 8.0
    hung_ms: int = 8_000
    unpainted_ms: int = 5_000
    frame_still_ms: int = 8_000
    settle_ms: int = 12_000
    never_loaded_s: float = 16.0
    quiet_ms: int = 8_000
    heap_bytes: int = 1_200_000_000
    hold_s: float = 3.0
    clear_s: float = 6.0
    tick_s: float = 1.0


def signs(beat: Beat, limits: Limits) -> list[Sign] | None:
    """Return what seems wrong, the gravest first; empty is good, None is "not told yet": it is still loading."""
    if beat.hung_ms > limits.hung_ms:
        return [("frozen", "page_hangs")]
    found: list[Sign] = []
    if not beat.visible:
        found.append(("blank", "hidden"))
    elif beat.painted_ms > limits.unpainted_ms:
        found.append(("frozen", "not_painted"))
    loading = False
    if beat.source == "grafana":
        loading = _look_at_frame(beat, beat.frame, limits, found)
    elif beat.source == "board":
        loading = _look_at_board(beat, beat.board, limits, found)
    if loading and not found:
        return None
    return sorted(found, key=lambda sign: GRAVITY.index(sign[0]))


def _look_at_frame(beat: Beat, frame: Frame | None, limits: Limits, found: list[Sign]) -> bool:
    """Add what is wrong with a Grafana; return whether it is too early to say that nothing is."""
    young = beat.loaded_ms < limits.settle_ms
    if frame is None or not frame.reachable:
        if not young:
            found.append(("blank", "frame_empty"))
        return young
    if frame.ticked_ms > limits.frame_still_ms:
        found.append(("frozen", "frame_still"))
    if frame.log_in:
        found.append(("logged_out", "log_in_form"))
        return False
    if frame.missing:
        found.append(("blank", "dashboard_missing"))
        return False
    if frame.panels == 0:
        if not young:
            found.append(("blank", "no_panels"))
        return young
    if frame.errors:
        found.append(("error", "panel_errors"))
    if frame.no_data >= frame.panels:
        found.append(("stale", "no_data"))
    patience_ms = _refresh_ms(beat) + limits.quiet_ms
    if _age(frame.answered_ms, beat) > patience_ms and not frame.errors:
        asks = frame.loading > 0 or _age(frame.attempted_ms, beat) <= patience_ms
        found.append(("stale", "no_answer") if asks else ("frozen", "frame_asks_nothing"))
    return frame.answered_ms is None


def _look_at_board(beat: Beat, board: Board | None, limits: Limits, found: list[Sign]) -> bool:
    young = beat.loaded_ms < limits.settle_ms
    if board is None or board.panels == 0:
        if not young:
            found.append(("blank", "no_panels"))
        return young
    if board.errors:
        found.append(("error", "panel_errors"))
    if _age(board.answered_ms, beat) > _refresh_ms(beat) + limits.quiet_ms:
        found.append(("frozen", "board_asks_nothing"))
    return board.answered_ms is None


def _refresh_ms(beat: Beat) -> int:
    board = DASHBOARDS.get(beat.dashboard or "")
    return 1_000 * (MAX_REFRESH_S if board is None else board.refresh_s)


def _age(age_ms: int | None, beat: Beat) -> int:
    return beat.loaded_ms if age_ms is None else age_ms
