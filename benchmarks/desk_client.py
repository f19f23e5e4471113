"""An officer's side of the desk while it is measured: over HTTP as a page asks, and as a page in Chromium."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import httpx
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from benchmarks.desk_stage import PASSWORD, Stage

CHROMIUM: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WITHOUT_WEBGL: Final = ["--disable-gpu"]
WITH_WEBGL: Final = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


class Officer:
    """A log-in over HTTP; `async with` opens and closes it.

    Args:
        stage: Whose desk.
        name: The account.
        screen: The name of the screen.
    """

    def __init__(self, stage: Stage, name: str, screen: str) -> None:
        self._name = name
        self._client = httpx.AsyncClient(
            base_url=stage.url,
            verify=str(stage.ca),
            timeout=10.0,
            trust_env=False,
            headers={"x-siaga-screen": screen.replace(" ", "%20")},
        )

    async def __aenter__(self) -> Self:
        answer = await self._client.post("/api/session", json={"name": self._name, "password": PASSWORD})
        answer.raise_for_status()
        self._client.headers["x-siaga-csrf"] = answer.json()["csrf"]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def act(self, incident_id: str, verb: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Do something with an incident and return the answer, whatever it is."""
        return await self._client.post(f"/api/incidents/{incident_id}/{verb}", json=dict(body or {}))

    async def must(self, incident_id: str, verb: str) -> None:
        """Do something with an incident that the desk must let happen."""
        (await self.act(incident_id, verb)).raise_for_status()

    async def incidents(self) -> list[dict[str, Any]]:
        """Return the incidents as a page gets them."""
        answer = await self._client.get("/api/state")
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["incidents"]
        return found

    async def events(self) -> AsyncIterator[tuple[str, Any]]:
        """Yield the events of a stream as name and data, for ever."""
        async with self._client.stream("GET", "/api/events", timeout=httpx.Timeout(10.0, read=30.0)) as answer:
            answer.raise_for_status()
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    yield name, json.loads(line[6:])


@asynccontextmanager
async def chromium(*, webgl: bool = False) -> AsyncIterator[Browser]:
    """Yield Debian's Chromium, which lets a page sound at once; WebGL is drawn by the processor."""
    policy = "--autoplay-policy=no-user-gesture-required"
    options = [*CHROMIUM, policy, *(WITH_WEBGL if webgl else WITHOUT_WEBGL)]
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=options)
        try:
            yield running
        finally:
            await running.close()


@asynccontextmanager
async def console(
    running: Browser, stage: Stage, name: str, *, screen: str = "Layar 1", city_map: bool = False
) -> AsyncIterator[Page]:
    """Yield the officers' page of an account that logged in, once its stream stands; the map is hidden or drawn."""
    context = await running.new_context(viewport={"width": 1366, "height": 768}, ignore_https_errors=True)
    try:
        await _log_in(context, stage, name)
        kept = {"siaga.screen": screen, "siaga.map": "shown" if city_map else "hidden"}
        for key, value in kept.items():
            await context.add_init_script(f"localStorage.setItem({json.dumps(key)}, {json.dumps(value)})")
        page = await context.new_page()
        await page.goto(stage.url)
        await page.wait_for_selector("#health-stream[data-good=true]")
        if city_map:
            await page.wait_for_selector("#chart[data-map=gl] canvas")
        yield page
    finally:
        await context.close()


async def _log_in(context: BrowserContext, stage: Stage, name: str) -> None:
    answer = await context.request.post(f"{stage.url}/api/session", data={"name": name, "password": PASSWORD})
    if not answer.ok:
        raise SystemExit(f"the desk refused the log-in: {answer.status} {await answer.text()}")
