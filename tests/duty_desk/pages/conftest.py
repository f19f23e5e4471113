"""The call-taker's page and the archive in a real Chromium, on a real desk."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.duty_desk.conftest import REPO, Desk
from tests.duty_desk.console.browser import DESK_SCREEN, NO_WEBGL, PHONE, come_in, errors_of, remember

PAGES = REPO / "duty_desk" / "console" / "pages"
SHOTS = REPO / "docs" / "assets"
ABROAD = "America/Bogota"
"""Where the browsers are: times are the city's all the same."""


def words(page: str, language: str = "id") -> dict[str, str]:
    """Return a page's words: its own, and those of every page."""
    found: dict[str, str] = {}
    for file in (PAGES.parent / "standing.json", PAGES / "shared.json", PAGES / f"{page}.json"):
        found |= json.loads(file.read_text(encoding="utf-8"))[language]
    return found


@asynccontextmanager
async def opened(
    running: Browser,
    desk: Desk,
    path: str,
    *,
    who: str = "operator-1",
    language: str = "id",
    dark: bool = True,
    size: ViewportSize = DESK_SCREEN,
    faults: str = "never",
) -> AsyncIterator[Page]:
    """Yield a page in an account's session, and check at the end that it met no error but those that are expected."""
    context = await running.new_context(
        viewport=size, color_scheme="dark" if dark else "light", locale="id-ID", timezone_id=ABROAD
    )
    if not os.environ.get("SIAGA_SCREENSHOTS"):
        # The map is drawn by WebGL for pictures only, as that is slow without a card.
        await context.add_init_script(NO_WEBGL)
    await come_in(context, desk.url, who)
    await remember(context, language=language, screen="Meja 3")
    page = await context.new_page()
    errors = errors_of(page)
    await page.goto(desk.url + path)
    await expect(page.locator("#who")).not_to_be_empty()
    try:
        yield page
        assert [error for error in errors if not re.search(faults, error)] == []
    finally:
        await context.close()


async def shot(page: Page, name: str) -> None:
    """Take a picture when asked to: SIAGA_SCREENSHOTS=1 for the docs, or a folder."""
    folder = os.environ.get("SIAGA_SCREENSHOTS")
    if folder:
        await expect(page.locator("#notice")).to_be_empty(timeout=10_000)
        target = SHOTS if folder == "1" else Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=target / name)


def looks() -> list[tuple[ViewportSize, bool]]:
    """Return in which sizes, dark or light, a page is looked at; all of them for pictures."""
    if os.environ.get("SIAGA_SCREENSHOTS"):
        return [(DESK_SCREEN, True), (DESK_SCREEN, False), (PHONE, True), (PHONE, False)]
    return [(DESK_SCREEN, True), (PHONE, False)]


def picture(name: str, size: ViewportSize, dark: bool) -> str:
    """Return the file name of a picture."""
    return f"{name}{'-phone' if size is PHONE else ''}{'' if dark else '-light'}.png"


def take_call(desk: Desk, number: int = 1, **more: Any) -> dict[str, Any]:
    """Let the call-taker take a call; return the incident."""
    body = {"key": f"0b0e6f4c-55a2-4f0f-8f0d-{number:012d}", "category": "accident", "address": "Jalan Lengkong 4"}
    status, answer = desk.post("/api/incidents", body | more, who="operator-1")
    assert status == 200, answer
    incident: dict[str, Any] = answer["incident"]
    return incident


def act(desk: Desk, incident_id: str, verb: str, *, who: str = "petugas-1", **body: Any) -> dict[str, Any]:
    """Let somebody do something with an incident; return it."""
    status, answer = desk.post(f"/api/incidents/{incident_id}/{verb}", body, who=who)
    assert status == 200, answer
    incident: dict[str, Any] = answer["incident"]
    return incident
