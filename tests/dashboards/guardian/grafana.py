"""A small stand-in for Grafana: its pages' marks, its log-in, its refresh, and a data source proxy for all who ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

_DASHBOARD = """<!doctype html><title>Grafana</title><main></main><script>
for (let n = 0; n < 4; n++) {
  const panel = document.createElement("section");
  panel.className = "react-grid-item";
  panel.textContent = `panel ${n}`;
  document.querySelector("main").append(panel);
}
const panels = [...document.querySelectorAll(".react-grid-item")];
const uid = location.pathname.split("/")[3];
let under = null;
async function refresh() {
  under?.abort();
  under = new AbortController();
  const q = `SHOW TAG VALUES WITH KEY = "sensor" WHERE "device" = '${uid}'`;
  try {
    const answer = await fetch(`/grafana/api/datasources/proxy/1/query?db=walls&epoch=ms&q=${encodeURIComponent(q)}`,
      { signal: under.signal });
    await answer.text();
    panels[0].innerHTML = answer.ok ? "panel 0" : '<i class="panel-info-corner panel-info-corner--error"></i>';
  } catch {}
}
refresh();
setInterval(refresh, 2000);
</script>"""
_LOG_IN = '<!doctype html><title>Grafana</title><form><input name="user"><input name="password" type="password"></form>'


@dataclass
class StandIn:
    """What is wrong with it, by dashboard, and where its data source is.

    With `store` given, its proxy hands everything on with that account, whoever asks, as Grafana's does for a viewer
    without log-in.
    """

    store: str | None = None
    account: tuple[str, str] | None = None
    hangs: set[str] = field(default_factory=set)
    logged_out: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer any request."""
        path = request.match_info["path"]
        self.asked.append((request.method, path))
        if path == "api/health":
            return web.json_response({"database": "ok"})
        if path == "login":
            return web.Response(text=_LOG_IN, content_type="text/html")
        if path.startswith("d/"):
            uid = path.split("/")[1]
            if uid in self.logged_out:
                raise web.HTTPFound("/grafana/login")
            return web.Response(text=_DASHBOARD, content_type="text/html")
        if path.startswith("api/datasources/proxy/1/"):
            return await self._proxy(request, path.removeprefix("api/datasources/proxy/1/"))
        raise web.HTTPNotFound

    async def _proxy(self, request: web.Request, path: str) -> web.StreamResponse:
        asked = request.query.get("q", "")
        uid = asked.rpartition(" = ")[2].strip("'")
        if uid in self.logged_out:
            raise web.HTTPUnauthorized
        if uid in self.hangs:
            await asyncio.sleep(600)
        if self.store is None or self.account is None:
            return web.json_response({"results": [{"statement_id": 0}]})
        headers = {"authorization": aiohttp.encode_basic_auth(*self.account)}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.request(
                request.method, f"{self.store}/{path}", params=request.query, data=await request.read()
            ) as reply,
        ):
            return web.Response(body=await reply.read(), status=reply.status, content_type="application/json")


@asynccontextmanager
async def stand_in(given: StandIn | None = None) -> AsyncIterator[StandIn]:
    """Yield it, running on a free port."""
    running = given or StandIn()
    app = web.Application()
    app.router.add_route("*", "/grafana/{path:.*}", running.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    running.url = f"http://127.0.0.1:{port}/grafana/"
    try:
        yield running
    finally:
        await runner.cleanup()
