"""How long a session waits for a broker behind a slow link, and no longer for a dead one. Pure.

At 200 bytes/s one TCP segment takes 7 s and a TLS handshake 20 to 40 s; at 100 kB/s a broker that is silent for 5 s is
dead. What tells them apart is how long the last answers took:

- A step of an attempt to connect may take 5 s: the TCP connection, each silence within the TLS handshake, then CONNACK,
  SUBACK and the birth's PUBACK. An attempt whose peer was reached and then fell silent doubles that for the next one,
  up to 40 s. One whose peer was not reached (no route, refused, no answer to the SYN) does not: there, to ask again
  soon is what helps. After a slow handshake each further step may take twice as long as it: session tickets
  of 2 kB come before the CONNACK.
- After an attempt that stood, a step of the next one may take twice the longest wait in it, but 5 to 40 s.
- A handshake ends after 90 s, however steadily its bytes drip.
- The keep-alive of a connection is four times what its handshake took, but 8 to 120 s: a broker ends a connection that
  brings no whole packet in one and a half times that, and a batch of 20 kB takes 100 s at 200 bytes/s.
- `pace_s` says for how long a PUBACK may be late on this connection before that means anything.
"""

from __future__ import annotations

from collections import deque
from typing import Final

HANDSHAKE_S: Final = 90.0
_GROWN: Final = 8.0
_KEEP_ALIVE_FACTOR: Final = 4.0
_LONGEST_KEEP_ALIVE_S: Final = 120
_LONGEST_PACE_S: Final = 60.0
_WAITS_KEPT: Final = 8


class Patience:
    """How long the steps of an attempt to connect may take.

    Args:
        step_s: What a step may take on an ordinary link, in seconds; on a slow one it is up to 8 times that.
    """

    def __init__(self, step_s: float) -> None:
        self._least_s = step_s
        self.step_s = step_s

    def after(self, handshake_s: float) -> float:
        """Return what a step after a handshake may take, in seconds."""
        return max(self.step_s, min(2.0 * handshake_s, _GROWN * self._least_s))

    def silent(self) -> None:
        """An attempt reached its peer, which then did not answer in time."""
        self.step_s = min(2.0 * self.step_s, _GROWN * self._least_s)

    def stood(self, longest_wait_s: float) -> None:
        """An attempt succeeded; its longest wait for an answer took so many seconds."""
        self.step_s = min(max(self._least_s, 2.0 * longest_wait_s), _GROWN * self._least_s)


def keep_alive_s(least_s: int, handshake_s: float) -> int:
    """Return the keep-alive of a connection in seconds: at least `least_s`, longer after a slow handshake."""
    return max(least_s, min(_LONGEST_KEEP_ALIVE_S, round(_KEEP_ALIVE_FACTOR * handshake_s)))


class Pace:
    """How slow one connection is.

    Args:
        handshake_s: How long its handshake, of about 5 kB, took in seconds.
    """

    def __init__(self, handshake_s: float) -> None:
        self._handshake_s = handshake_s
        self._waits_s: deque[float] = deque(maxlen=_WAITS_KEPT)

    def answered(self, wait_s: float) -> None:
        """A PUBACK came after so many seconds."""
        self._waits_s.append(wait_s)

    @property
    def pace_s(self) -> float:
        """How long to wait for a PUBACK, in seconds: as the handshake took, or twice the longest of the last 8 waits.

        At most 60. On an ordinary link it is a fraction of a second, and a caller's own bound is the longer one.
        """
        return min(_LONGEST_PACE_S, max(self._handshake_s, 2.0 * max(self._waits_s, default=0.0)))
