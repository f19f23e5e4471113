"""The pages connected to the desk, and whether each would ring. Pure.

Each page opens a stream under a name it made itself (`page`), and tells every few seconds that it lives: best at each
beat it hears, which a browser hands to a page in the background too, where timers may be slowed down to one a minute.

    state    means
    live     it told within 12 s that it lives
    hidden   the same, or within 65 s, and nobody looks: another tab is in front, or the window is small
    behind   it lives, and its stream is dead: it has not taken in what was sent to it 12 s ago
    asleep   its stream is open, and nothing was heard of it for longer

A page rings when it told within 12 s that it lives, is not behind, and its sound is not held back. A page whose stream
ended counts as it was for 3 s more, in which it comes back; and after the desk's start everybody is taken to be there
for 8 s, as pages need a moment to return.

Time is counted in ticks, and a tick counts a second at most: a desk that was stopped for a while does not find
everybody asleep.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypedDict

from duty_desk.incidents.actor import Actor, Role
from duty_desk.incidents.escalation import Audience

Sound = Literal["on", "blocked", "quiet", "unknown"]
"""on: it can sound; blocked: the browser holds it back; quiet: it is switched off there; unknown: it has not told."""
State = Literal["live", "hidden", "behind", "asleep"]

SIGN_NS: Final = 12 * 10**9
HIDDEN_NS: Final = 65 * 10**9
LEFT_NS: Final = 3 * 10**9
START_NS: Final = 8 * 10**9
_TICK_NS: Final = 10**9
MAX_SCREENS: Final = 400
"""Pages remembered: the 200 that may be connected, and as many that just left."""

_ROLES: Final[dict[Role, Audience]] = {"officer": "officer", "supervisor": "supervisor"}


class ScreenView(TypedDict):
    """A screen as pages and /healthz show it. `screen` is told apart from others of the same name by a number."""

    screen: str
    name: str
    role: Role
    state: State
    sound: Sound
    rings: bool


@dataclass(slots=True)
class _Page:
    actor: Actor
    number: int
    heard_ns: int
    streams: int = 1
    left_ns: int | None = None
    sound: Sound = "unknown"
    visible: bool = True
    revision: int | None = None


class Screens:
    """The pages, by the account and the name each made itself.

    Args:
        sirens: Whether there is a siren to ring.
    """

    def __init__(self, *, sirens: bool = False) -> None:
        self._sirens = sirens
        self._pages: dict[tuple[str, str], _Page] = {}
        self._awake_ns = 0
        self._ticked_ns: int | None = None
        self._sent: deque[tuple[int, int]] = deque()
        self._settled = 0
        self._told: list[ScreenView] = []

    def tick(self, monotonic_ns: int) -> None:
        """Let time pass, several times a second."""
        if self._ticked_ns is not None:
            self._awake_ns += min(max(0, monotonic_ns - self._ticked_ns), _TICK_NS)
        self._ticked_ns = monotonic_ns
        while self._sent and self._awake_ns - self._sent[0][1] >= SIGN_NS:
            self._settled = self._sent.popleft()[0]
        gone = [key for key, page in self._pages.items() if page.left_ns is not None and not self._lately(page)]
        for key in gone:
            del self._pages[key]

    # What pages do

    def join(self, page: str, actor: Actor) -> None:
        """Take note that a page opened a stream; one that opens another before its old one ended is the same page."""
        known = self._pages.get((actor.name, page))
        if known is not None:
            known.streams += 1
            known.left_ns = None
            known.heard_ns = self._awake_ns
            if known.actor != actor:
                known.actor, known.number = actor, self._number(actor)
            # What it takes in next is what it missed: it is not behind for having been away.
            known.revision = None
            return
        if len(self._pages) >= MAX_SCREENS:
            left = next((key for key, each in self._pages.items() if each.left_ns is not None), None)
            if left is None:
                return
            del self._pages[left]
        self._pages[actor.name, page] = _Page(actor, self._number(actor), self._awake_ns)

    def leave(self, page: str, actor: Actor) -> None:
        """Take note that a stream of a page ended."""
        known = self._pages.get((actor.name, page))
        if known is None:
            return
        known.streams -= 1
        if known.streams <= 0:
            known.left_ns = self._awake_ns

    def alive(self, page: str, name: str, *, sound: Sound, visible: bool, revision: int | None) -> bool:
        """Take a page's sign of life; return whether its stream is known, else it has to open one.

        Args:
            page: The name it made itself.
            name: The account's name.
            sound: Whether it can sound.
            visible: Whether it is in front.
            revision: The highest revision of an incident that it has taken in; None to say nothing of it.
        """
        known = self._pages.get((name, page))
        if known is None or known.left_ns is not None:
            return False
        known.heard_ns = self._awake_ns
        known.sound, known.visible, known.revision = sound, visible, revision
        return True

    def sent(self, revision: int) -> None:
        """Take note that an incident under this revision was sent to all pages."""
        if self._sent and self._sent[-1][1] == self._awake_ns:
            self._sent[-1] = (revision, self._awake_ns)
        else:
            self._sent.append((revision, self._awake_ns))

    # What they are

    def present(self) -> frozenset[Audience]:
        """Return of which audiences somebody is there to ring."""
        if self._awake_ns < START_NS:
            return frozenset({"officer", "everyone", "supervisor", "siren"})
        there: set[Audience] = {"siren"} if self._sirens else set()
        return frozenset(there | {audience for audience, count in self._ringing().items() if count > 0})

    def ringing(self) -> dict[Audience, int] | None:
        """Return how many screens of each audience would ring now; None while everybody is taken to be there."""
        return None if self._awake_ns < START_NS else self._ringing()

    def names(self) -> list[str]:
        """Return the names of the connected screens."""
        return sorted({page.actor.screen for page in self._connected()})

    def counts(self) -> dict[str, int]:
        """Return how many connected screens are in each state, and how many would ring; no names, so for anybody."""
        counts = {"live": 0, "hidden": 0, "behind": 0, "asleep": 0, "rings": 0}
        for page in self._connected():
            counts[self._state(page)] += 1
            counts["rings"] += self._rings(page)
        return counts

    def view(self) -> list[ScreenView]:
        """Return the connected screens, in order of their names."""
        seen = [
            ScreenView(
                screen=page.actor.screen if page.number == 1 else f"{page.actor.screen} ({page.number})",
                name=page.actor.name,
                role=page.actor.role,
                state=self._state(page),
                sound=page.sound,
                rings=self._rings(page),
            )
            for page in self._connected()
        ]
        return sorted(seen, key=lambda each: (each["screen"], each["name"]))

    def round(self) -> list[ScreenView] | None:
        """Return the connected screens when anything about them changed since the last round, else None."""
        seen = self.view()
        if seen == self._told:
            return None
        self._told = seen
        return seen

    def _ringing(self) -> dict[Audience, int]:
        there: dict[Audience, int] = {"officer": 0, "everyone": 0, "supervisor": 0}
        for page in self._pages.values():
            if self._rings(page):
                there["everyone"] += 1
                if page.actor.role in _ROLES:
                    there[_ROLES[page.actor.role]] += 1
        return there

    def _connected(self) -> Iterable[_Page]:
        return (page for page in self._pages.values() if page.left_ns is None)

    def _number(self, actor: Actor) -> int:
        taken = {page.number for page in self._connected() if page.actor.screen == actor.screen}
        return next(number for number in range(1, MAX_SCREENS + 2) if number not in taken)

    def _lately(self, page: _Page) -> bool:
        return page.left_ns is None or self._awake_ns - page.left_ns < LEFT_NS

    def _behind(self, page: _Page) -> bool:
        return page.revision is not None and page.revision < self._settled

    def _state(self, page: _Page) -> State:
        silent_ns = self._awake_ns - page.heard_ns
        if silent_ns >= (SIGN_NS if page.visible else HIDDEN_NS):
            return "asleep"
        if self._behind(page):
            return "behind"
        return "live" if page.visible else "hidden"

    def _rings(self, page: _Page) -> bool:
        told = self._awake_ns - page.heard_ns < SIGN_NS
        return told and not self._behind(page) and page.sound in ("on", "unknown") and self._lately(page)
