"""Makes the box's alarms: what was pressed, stuck, crossed or sent as a test becomes a `Press` with its cause.

Rules:
- A button that chatters costs no events of its own (`alarm_lane.py`); stuck ones and thresholds count like presses.
- A test (cause `synthetic`, status `Test`) never joins nor is joined, and is refused while the one before has no
  receipt, and for 10 s after it: whoever tests cannot crowd out who presses.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

from contract.errors import SiagaError
from contract.identity import new_event_id
from contract.messages import AlertStatus, Cause, Position, Press
from edge_agent.alarm_lane import AlarmLane, KeptPress
from edge_agent.clock import Clock
from edge_agent.drivers.board import Raised
from edge_agent.threshold import Raised as Crossed

_log = logging.getLogger("siaga.edge")

TEST_AGAIN_NS: Final = 10 * 10**9


class NotNowError(SiagaError):
    """A test press is not sent now; the text is `test waits` or `test too soon`."""


class Raiser:
    """Makes alarms and hands them on.

    Args:
        device: The device's name.
        boot: The kernel's boot id.
        stream: The stream its sequence numbers are of.
        clock: The box's clock.
        lane: The alarm lane, which knows whose presses join.
        faults: Counts presses that joined.
        position: Tells where the box is, if anything knows.
        send: Takes each alarm: commits and sends it.
    """

    def __init__(
        self,
        device: str,
        boot: str,
        stream: str,
        *,
        clock: Clock,
        lane: AlarmLane,
        faults: Counter[str],
        position: Callable[[], Position | None],
        send: Callable[[KeptPress], None],
    ) -> None:
        self._device = device
        self._boot = boot
        self._stream = stream
        self._clock = clock
        self._lane = lane
        self._faults = faults
        self._position = position
        self._send = send
        self._sequence = 0
        self._tested_ns: int | None = None

    def told_by_board(self, raised: Raised, port: str) -> bool:
        """Take what a button or line of a board tells; return whether an alarm of its own came of it.

        One that did not has joined another, and is not kept: the board may forget it.
        """
        board = None if raised.number is None else (port, raised.number)
        return self._raise(raised.button, raised.cause, raised.monotonic_ns, detail=raised.detail, board=board)

    def pressed(self, button: str, monotonic_ns: int) -> None:
        """A button was pressed at this moment of the monotonic clock."""
        self._raise(button, "press", monotonic_ns)

    def stuck(self, button: str, monotonic_ns: int) -> None:
        """A button is held since this moment, and nobody holds a button for so long."""
        self._raise(button, "stuck", monotonic_ns)

    def crossed(self, raised: Crossed) -> None:
        """A measured value is an alarm."""
        self._raise(raised.button, "threshold", raised.monotonic_ns, detail=raised.detail)

    def test(self, button: str, monotonic_ns: int) -> str:
        """Send a test press of a button; return its event id.

        Raises:
            NotNowError: The one before is on its way, or was just now.
        """
        if any(kept.press.status == "Test" for kept in self._lane.waiting()):
            raise NotNowError("test waits")
        if self._tested_ns is not None and monotonic_ns - self._tested_ns < TEST_AGAIN_NS:
            raise NotNowError("test too soon")
        self._tested_ns = monotonic_ns
        return self._make(button, "synthetic", "Test", monotonic_ns, None)

    def _raise(
        self,
        button: str,
        cause: Cause,
        monotonic_ns: int,
        *,
        detail: str | None = None,
        board: tuple[str, int] | None = None,
    ) -> bool:
        if self._lane.join(button, monotonic_ns):
            self._faults[f"button {button}: chattering"] += 1
            return False
        event_id = self._make(button, cause, "Actual", monotonic_ns, detail, board)
        _log.warning("%s: %s, event %s%s", cause, button, event_id, f", {detail}" if detail else "")
        return True

    def _make(
        self,
        button: str,
        cause: Cause,
        status: AlertStatus,
        monotonic_ns: int,
        detail: str | None,
        board: tuple[str, int] | None = None,
    ) -> str:
        press = Press(
            event_id=new_event_id(),
            device=self._device,
            button=button,
            cause=cause,
            status=status,
            pressed_at_ns=self._clock.time_ns(monotonic_ns),
            clock=self._clock.source,
            age_ms=0,
            stream=self._stream,
            sequence=self._sequence,
            position=self._position(),
            detail=None if detail is None else detail[:500],
        )
        self._sequence += 1
        self._send(KeptPress(press, self._boot, monotonic_ns, board))
        return press.event_id
