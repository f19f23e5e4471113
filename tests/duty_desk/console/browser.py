"""Debian's Chromium with the officer's page in it, for the tests of the page."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Playwright, ViewportSize, async_playwright, expect

from tests.browsers import CHROMIUM, SHELL, WHOLE
from tests.duty_desk.conftest import REPO, Desk, session_token

CONSOLE = REPO / "duty_desk" / "console"
SHOTS = REPO / "docs" / "assets"
DESK_SCREEN: ViewportSize = {"width": 1366, "height": 768}
PHONE: ViewportSize = {"width": 390, "height": 844}
SETTLED_MS = 450
"""After this a key is taken for the incident that just came to stand large."""
SOUND_TRIED = "sound tried"
Map = Literal["hidden", "plain", "drawn"]
Test = TypeVar("Test", bound=Callable[..., Coroutine[Any, Any, None]])
TELLS_OF_SOUND = (
    "window.AudioContext = class extends AudioContext {"
    f"constructor() {{ super(); console.debug({json.dumps(SOUND_TRIED)}); }} }};"
)
NO_WEBGL = """{
const given = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
  return kind.startsWith("webgl") ? null : given.call(this, kind, ...more);
};
}"""


class Chromiums:
    """A worker's browsers, each started when it is first asked for and kept."""

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright
        self._running: dict[tuple[bool, bool], Browser] = {}

    async def get(self, *, sound: bool, whole: bool) -> Browser:
        """Return the one that lets a page sound at once, or only after a key or a click; `whole` with notifications."""
        running = self._running.get((sound, whole))
        if running is None or not running.is_connected():
            policy = f"--autoplay-policy={'no-user-gesture-required' if sound else 'document-user-activation-required'}"
            running = await self._playwright.chromium.launch(
                executable_path=WHOLE if whole else SHELL, args=[*CHROMIUM, policy]
            )
            self._running[sound, whole] = running
        return running

    async def close(self) -> None:
        """End them."""
        for running in self._running.values():
            await running.close()


_kept: list[Chromiums] = []
"""The worker's, while the fixture `chromium` stands."""


@asynccontextmanager
async def kept_browsers() -> AsyncIterator[None]:
    """Keep the browsers that `browser` yields; they belong to the event loop that this runs in."""
    async with async_playwright() as playwright:
        made = Chromiums(playwright)
        _kept.append(made)
        try:
            yield
        finally:
            _kept.remove(made)
            await made.close()


def in_browser(test: Test) -> Test:
    """Let a test have the worker's browsers, which live in the event loop of all such tests."""
    marks = (pytest.mark.slow, pytest.mark.usefixtures("chromium"), pytest.mark.asyncio(loop_scope="session"))
    for mark in marks:
        test = mark(test)
    return test


@asynccontextmanager
async def browser(*, sound: bool = True, whole: bool = False) -> AsyncIterator[Browser]:
    """Yield Debian's Chromium `in_browser`, which lets a page sound at once, or only after a key or a click.

    No page, cookie or memory of another test is in it: each context is closed at the end. What is notified or pushed to
    needs the `whole` browser.
    """
    running = await _kept[-1].get(sound=sound, whole=whole)
    assert running.contexts == []
    try:
        yield running
    finally:
        for context in running.contexts:
            await context.close()


async def remember(context: BrowserContext, **kept: str) -> None:
    """Let the pages of a context find these in the browser's memory, unless they keep something else there."""
    for name, value in kept.items():
        key = json.dumps(f"siaga.{name}")
        await context.add_init_script(
            f"localStorage.getItem({key}) || localStorage.setItem({key}, {json.dumps(value)});"
        )


async def come_in(context: BrowserContext, url: str, officer: str) -> None:
    """Give a context the session of an account."""
    await context.add_cookies([{"name": "siaga", "value": session_token(officer), "url": url, "sameSite": "Strict"}])


@asynccontextmanager
async def console(
    running: Browser,
    desk: Desk,
    *,
    officer: str = "petugas-1",
    language: str = "id",
    dark: bool = True,
    size: ViewportSize = DESK_SCREEN,
    screen: str = "Layar 1",
    city: Map = "hidden",
    url: str | None = None,
    faults: tuple[int, ...] = (409,),
    **context_options: Any,
) -> AsyncIterator[Page]:
    """Yield the page, open and connected, and check at the end that it met no error but answers with `faults`.

    Args:
        running: The browser.
        desk: The desk.
        officer: Whose session it is.
        language: Of the page.
        dark: Whether the system's theme is dark.
        size: Of the window.
        screen: How it is called; empty: it finds a name.
        city: The map: hidden, which costs nothing; plain, without WebGL; or drawn.
        url: Where the desk is found, if not where it is.
        faults: HTTP statuses that may come.
        context_options: Further options of the browser's context.
    """
    url = url or desk.url
    scheme: Literal["dark", "light"] = "dark" if dark else "light"
    context = await running.new_context(viewport=size, color_scheme=scheme, **context_options)
    await come_in(context, url, officer)
    await remember(context, language=language, screen=screen, map="hidden" if city == "hidden" else "shown")
    if city == "plain":
        await context.add_init_script(NO_WEBGL)
    await context.add_init_script(TELLS_OF_SOUND)
    page = await context.new_page()
    errors = errors_of(page)
    known = [f"status of {status}" for status in faults] + (["ERR_"] if 0 in faults else [])
    # Whatever Playwright looks at counts as an officer's gesture, so nothing is looked at before the sound was tried.
    async with page.expect_console_message(lambda message: message.text == SOUND_TRIED, timeout=15_000):
        await page.goto(url)
    await expect(page.locator("#health-stream")).to_have_attribute("data-good", "true")
    try:
        yield page
        assert [error for error in errors if not any(each in error for each in known)] == []
    finally:
        await context.close()


def errors_of(page: Page) -> list[str]:
    """Return a list to which each error that the page meets from now on is added."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    return errors


def words(language: str = "id") -> dict[str, str]:
    """Return the page's words in a language."""
    found: dict[str, str] = json.loads((CONSOLE / "strings.json").read_text())[language]
    return found


async def settle(page: Page) -> None:
    """Wait until a key is taken for what stands large."""
    await page.wait_for_timeout(SETTLED_MS)


async def shot(page: Page, name: str, *, aside: bool = False) -> None:
    """Take a picture when asked to: SIAGA_SCREENSHOTS=1 for the docs, or a folder, which gets those `aside` too."""
    folder = os.environ.get("SIAGA_SCREENSHOTS")
    if folder and not (aside and folder == "1"):
        await expect(page.locator("#notice")).to_be_empty(timeout=10_000)
        await expect(page.get_by_text("BELUM TERCATAT").filter(visible=True)).to_have_count(0)
        target = SHOTS if folder == "1" else Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=target / name)
