"""Which screen of the wall shows no truth, and when one is told to load itself anew. Beats and the time go in. Pure.

- The worst of a screen's pages counts. So nobody who opens a screen's page elsewhere can hide that the one in the room
  stands still. While a kiosk's page is known, other pages do not count at all, and it is never forgotten for another's.
- What is wrong is named when it held for `hold_s`, what is good again when it held for `clear_s`.
- A page is told to reload once, and again only after a pause that doubles; two screens never at the same moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from contract.messages import ScreenState
from dashboards.guardian.beat import Beat
from dashboards.guardian.signs import GRAVITY, RELOAD_HELPS, Limits, Sign, signs

MAX_PAGES: Final = 4
"""Pages of one screen that are known at once. A kiosk's takes the place of one that looks on; for whoever else finds
none the screen is `crowded`: its own page may be among them."""
FORGET_S: Final = 60.0
"""A silent page that is no kiosk's is forgotten after this, while another one lives."""
LIMITS: Final = Limits()
RELOAD_AFTER_S: Final = 8.0
RELOAD_PAUSE_S: Final = 60.0
RELOAD_PAUSE_MOST_S: Final = 900.0
RELOAD_GAP_S: Final = 2.0
"""Between two screens that reload, as each loads some ten megabytes of Grafana."""
GOOD_AGAIN_S: Final = 300.0
"""After so long without fault the pause before a reload begins small again."""


@dataclass(slots=True)
class Page:
    """One browser's page of a screen, as last heard."""

    beat: Beat
    origin: str
    first_s: float
    heard_s: float
    undecided_s: float | None = None
    found: list[Sign] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a screen is. Times are of the monotonic clock, in s; `heard_s` is None while it was never heard."""

    number: int
    state: ScreenState
    since_s: float
    reasons: tuple[str, ...] = ()
    dashboard: str | None = None
    data_age_s: float | None = None
    reloads: int = 0
    heard_s: float | None = None
    page: Beat | None = None


@dataclass(slots=True)
class _Screen:
    pages: dict[str, Page] = field(default_factory=dict)
    verdict: Verdict | None = None
    candidate: ScreenState = "good"
    candidate_since_s: float = 0.0
    bad_since_s: float | None = None
    data: Sign | None = None
    data_age_s: float | None = None
    data_at_s: float = 0.0
    reloads: int = 0
    pause_s: float = RELOAD_PAUSE_S
    next_reload_s: float = 0.0
    reloaded_s: float = 0.0
    heard_s: float | None = None
    crowded_s: float | None = None


class Judge:
    """All screens.

    Args:
        numbers: The screens of the plan.
        now_s: The monotonic clock at the start; a screen has `silent_s` from then on to be heard.
        version: That of the pages the server has now; a page of another is told to reload.
        limits: From when on something is wrong.
    """

    def __init__(
        self, numbers: Iterable[int], now_s: float, *, version: str = "", limits: Limits | None = None
    ) -> None:
        self.limits = limits or Limits()
        self._version = version
        self._began_s = now_s
        self._screens = {number: _Screen(candidate_since_s=now_s) for number in numbers}
        self._reloaded_s = -RELOAD_GAP_S

    def knows(self, number: int) -> bool:
        """Return whether the plan has this screen."""
        return number in self._screens

    def heard(self, number: int, origin: str, beat: Beat, now_s: float) -> bool:
        """Take in a beat that came from an address; return whether its page is to load itself anew."""
        screen = self._screens[number]
        if beat.leaving:
            screen.pages.pop(beat.page, None)
            return False
        page = screen.pages.get(beat.page)
        if page is None:
            page = Page(beat, origin, now_s, now_s)
        self._make_room(screen, page, now_s)
        if beat.page not in screen.pages:
            if self._is_full(screen, beat):
                if beat.kiosk:
                    screen.crowded_s = now_s
                return False
            screen.pages[beat.page] = page
        page.beat, page.heard_s = beat, now_s
        screen.heard_s = now_s
        self._look(page, now_s)
        return self._reload(screen, page, now_s)

    def data(self, number: int, sign: Sign | None, age_s: float | None, now_s: float) -> None:
        """Take in what the wall server itself knows of the data that a screen shows now."""
        screen = self._screens[number]
        screen.data, screen.data_age_s, screen.data_at_s = sign, age_s, now_s

    def judge(self, now_s: float) -> list[int]:
        """Bring all verdicts up to now; return the screens of which state, reasons or dashboard are others."""
        return [number for number, screen in self._screens.items() if self._judge(number, screen, now_s)]

    def verdict(self, number: int) -> Verdict | None:
        """Return how a screen is; None so shortly after the start that nothing can be said."""
        return self._screens[number].verdict

    def verdicts(self) -> list[Verdict]:
        """Return all there are, by number."""
        return [screen.verdict for screen in self._screens.values() if screen.verdict is not None]

    def _make_room(self, screen: _Screen, newer: Page, now_s: float) -> None:
        """Forget those whose place a newer page takes: a browser restarted, a page loaded anew."""
        for key, page in list(screen.pages.items()):
            silent = page.first_s < newer.first_s and now_s - page.heard_s > 2 * self.limits.beat_s
            same = page.beat.browser == newer.beat.browser or page.origin == newer.origin
            # Whoever only looks on does not take the place of the room's own screen.
            if (silent and same and newer.beat.kiosk >= page.beat.kiosk) or (
                page is not newer and self._is_past(page, now_s)
            ):
                del screen.pages[key]

    def _is_full(self, screen: _Screen, beat: Beat) -> bool:
        looking_on = [key for key, page in screen.pages.items() if not page.beat.kiosk]
        if len(screen.pages) >= MAX_PAGES and beat.kiosk and looking_on:
            del screen.pages[min(looking_on, key=lambda key: screen.pages[key].heard_s)]
        return len(screen.pages) >= MAX_PAGES

    def _is_past(self, page: Page, now_s: float) -> bool:
        return not page.beat.kiosk and now_s - page.heard_s > FORGET_S

    def _look(self, page: Page, now_s: float) -> None:
        found = signs(page.beat, self.limits)
        if found is not None:
            page.undecided_s, page.found = None, found
        elif page.undecided_s is None:
            page.undecided_s = now_s
        elif now_s - page.undecided_s > self.limits.never_loaded_s:
            page.found = [("blank", "never_loaded")]

    def _judge(self, number: int, screen: _Screen, now_s: float) -> bool:
        found, page, decided = self._found(screen, now_s)
        state: ScreenState = found[0][0] if found else "good"
        if page is None and now_s - max(self._began_s, screen.heard_s or 0.0) <= self.limits.silent_s:
            decided = False
        before = screen.verdict
        if decided:
            self._weigh(screen, state, before, now_s)
        # What has been named stays until another state has held long enough; new reasons show at once.
        named = screen.verdict.state if screen.verdict is not None else None
        settled = self._settled(screen, named, now_s) if decided else named
        if settled is None:
            return False
        reasons = tuple(dict.fromkeys(reason for _, reason in found))[:8]
        if settled != state:
            reasons = before.reasons if before is not None else ()
        screen.verdict = Verdict(
            number=number,
            state=settled,
            since_s=before.since_s if before is not None and before.state == settled else now_s,
            reasons=reasons,
            dashboard=None if page is None else page.beat.dashboard,
            data_age_s=screen.data_age_s,
            reloads=screen.reloads,
            heard_s=screen.heard_s,
            page=None if page is None else page.beat,
        )
        quiet_since_s = max(screen.verdict.since_s, screen.reloaded_s)
        if settled == "good" and now_s - quiet_since_s > GOOD_AGAIN_S:
            screen.pause_s, screen.next_reload_s = RELOAD_PAUSE_S, now_s
        return before is None or (before.state, before.reasons, before.dashboard) != (
            screen.verdict.state,
            screen.verdict.reasons,
            screen.verdict.dashboard,
        )

    def _found(self, screen: _Screen, now_s: float) -> tuple[list[Sign], Page | None, bool]:
        """Return what seems wrong now, on which page, and whether that says anything."""
        counted = [page for page in screen.pages.values() if page.beat.kiosk] or list(screen.pages.values())
        if not counted:
            return [("gone", "never_heard" if screen.heard_s is None else "closed")], None, True
        all_found = [(self._of(page, now_s), page) for page in counted]
        found, page = min(all_found, key=lambda each: _gravity(each[0]))
        if screen.crowded_s is not None and now_s - screen.crowded_s <= self.limits.silent_s:
            found = sorted([*found, ("error", "crowded")], key=lambda sign: GRAVITY.index(sign[0]))
        decided = bool(found) or page.undecided_s is None
        if screen.data is not None and now_s - screen.data_at_s < 60 and (not found or found[0][0] != "gone"):
            found = sorted([*found, screen.data], key=lambda sign: GRAVITY.index(sign[0]))
            decided = True
        return found, page, decided

    def _of(self, page: Page, now_s: float) -> list[Sign]:
        if now_s - page.heard_s > self.limits.silent_s:
            return [("gone", "silent")]
        return page.found

    def _weigh(self, screen: _Screen, state: ScreenState, before: Verdict | None, now_s: float) -> None:
        if state != screen.candidate:
            screen.candidate, screen.candidate_since_s = state, now_s
        if state == "good":
            screen.bad_since_s = None
        elif screen.bad_since_s is None:
            screen.bad_since_s = now_s

    def _settled(self, screen: _Screen, named: ScreenState | None, now_s: float) -> ScreenState:
        state, held_s = screen.candidate, now_s - screen.candidate_since_s
        if named is None or named == state or state == "gone":
            return state
        if state == "good":
            return state if held_s >= self.limits.clear_s else named
        # One that goes from fault to fault is named as well, though none of them lasts.
        bad_s = 0.0 if screen.bad_since_s is None else now_s - screen.bad_since_s
        long_bad = named == "good" and bad_s >= 2 * self.limits.hold_s
        return state if held_s >= self.limits.hold_s or long_bad else named

    def _reload(self, screen: _Screen, page: Page, now_s: float) -> bool:
        reasons = {reason for _, reason in page.found}
        verdict = screen.verdict
        faulty = verdict is not None and verdict.state != "good" and now_s - verdict.since_s >= RELOAD_AFTER_S
        wanted = bool(reasons & RELOAD_HELPS) and faulty
        if page.beat.version is not None and self._version and page.beat.version != self._version:
            wanted = True
        if page.beat.heap_bytes is not None and page.beat.heap_bytes > self.limits.heap_bytes:
            wanted = True
        if not wanted or now_s < screen.next_reload_s or now_s - self._reloaded_s < RELOAD_GAP_S:
            return False
        self._reloaded_s = screen.reloaded_s = now_s
        screen.reloads += 1
        screen.next_reload_s = now_s + screen.pause_s
        screen.pause_s = min(2 * screen.pause_s, RELOAD_PAUSE_MOST_S)
        return True


def _gravity(found: list[Sign]) -> int:
    return GRAVITY.index(found[0][0] if found else "good")
