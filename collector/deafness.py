"""Whether a connection that stands, and answers each ping, is deaf nonetheless. Pure.

A broker may have lost a subscription, or deliver to nobody what an access list forbids since its last reload: Mosquitto
grants every SUBSCRIBE and leaves out at delivery what is not allowed. Nothing on the connection tells. Only the silence
does: boxes send batches all the time.

Rules:
- Judged is only who has heard something in this life of the process, and only while the collector owes no PUBACK and
  reads: otherwise the broker has a reason to be silent.
- After `after_s` of silence the connection is left and made anew. As long as nothing is heard the next patience is
  twice as long, up to `most_s`: a city whose boxes are all switched off is not reconnected to each minute.
- Whoever never heard anything is not reconnected, as a new connection would be no other: that is told, as is a silence
  that a new connection did not end.
"""

from __future__ import annotations

from typing import Final

DEAF_AFTER_S: Final = 60.0
MOST_PATIENCE_S: Final = 900.0


class Deafness:
    """The watch over one session.

    Args:
        after_s: The first patience, in seconds.
        most_s: The longest, in seconds.
    """

    def __init__(self, after_s: float = DEAF_AFTER_S, most_s: float = MOST_PATIENCE_S) -> None:
        self.times = 0
        self._after_s = after_s
        self._most_s = most_s
        self._patience_s = after_s
        self._last_heard_s: float | None = None
        self._since_s = 0.0
        self._silent_since_s: float | None = None

    def connected(self, now_s: float) -> None:
        """Note a new connection: its silence begins now."""
        self._since_s = now_s
        if self._silent_since_s is None:
            self._silent_since_s = now_s

    def judge(self, last_heard_s: float | None, now_s: float, *, excused: bool) -> bool:
        """Return whether the connection is to be left.

        Args:
            last_heard_s: When it brought its last message, None when it brought none.
            now_s: By the same clock.
            excused: Whether the broker has a reason to be silent.
        """
        if last_heard_s is not None and last_heard_s != self._last_heard_s:
            self._last_heard_s = last_heard_s
            self._since_s = max(self._since_s, last_heard_s)
            self._patience_s = self._after_s
            self._silent_since_s = last_heard_s
        if excused:
            self._since_s = now_s
            self._silent_since_s = now_s
        if self._last_heard_s is None or now_s - self._since_s < self._patience_s:
            return False
        self.times += 1
        self._patience_s = min(2 * self._patience_s, self._most_s)
        self._since_s = now_s
        return True

    def told(self, now_s: float) -> str | None:
        """Return what people should know while it is connected: that nothing is heard, and for how long; or None."""
        left_in_vain = self._patience_s > self._after_s
        if self._silent_since_s is None or not (self._last_heard_s is None or left_in_vain):
            return None
        silent_s = now_s - self._silent_since_s
        if silent_s < self._after_s:
            return None
        return f"connected, and no box is heard for {silent_s:.0f} s; are boxes there, and may this account read them?"

    @property
    def check_s(self) -> float:
        """How often to judge, in seconds."""
        return min(1.0, self._after_s / 4)
