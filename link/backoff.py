"""How long to wait before the next attempt to connect. Pure."""

from __future__ import annotations

import random


class Backoff:
    """Exponential backoff with jitter and a cap.

    Jitter (a uniform draw between a fifth of the exponential bound and the bound) spreads a thousand boxes that lost
    the same broker; the floor keeps a dead broker from being hammered.

    Args:
        base_s: The bound of the first wait, in seconds.
        cap_s: The largest bound, in seconds.
        draw: A source of uniform numbers in [0, 1).
    """

    def __init__(self, base_s: float = 0.25, cap_s: float = 10.0, *, draw: random.Random | None = None) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._random = draw if draw is not None else random.Random()
        self._attempt = 0

    def next_s(self) -> float:
        """Return the next wait in seconds, between a fifth of the bound and the bound, and raise the bound."""
        bound = min(self._cap_s, self._base_s * 2.0 ** min(self._attempt, 32))
        self._attempt += 1
        return bound * (0.2 + 0.8 * self._random.random())

    def around_s(self, wait_s: float) -> float:
        """Return a wait in seconds, within a fifth of `wait_s` around it, for what does not grow."""
        return wait_s * (0.8 + 0.4 * self._random.random())

    def reset(self) -> None:
        """Start again at the base: the last attempt succeeded."""
        self._attempt = 0
