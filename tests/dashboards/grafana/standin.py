"""A small Grafana on a socket: it keeps what it is given, as 9.3 does, and misbehaves when it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TOKEN = "glsa_of_the_stand_in_0123456789"


class Standin:
    """What it keeps, and how it behaves.

    `mode`: well, refuses (401), forbids (403), redirects, page, nowhere (404). `open_proxy`: strangers may write.
    `forgets`: a dashboard of which it says that it is not there. `store_says`: what the store answers, passed on to
    whoever has the token.
    """

    def __init__(self) -> None:
        self.version = "9.3.2"
        self.mode = "well"
        self.open_proxy = False
        self.lists_rules = True
        self.store_says: tuple[int, Any] = (200, {"results": [{"statement_id": 0}]})
        self.forgets = ""
        self.kept: dict[str, dict[str, dict[str, Any]]] = {"folders": {}, "sources": {}, "boards": {}, "rules": {}}
        self.secrets: dict[str, Any] = {}
        self.writes: list[str] = []
        self.url = ""

    def answer(self, method: str, path: str, body: Any, authorized: bool) -> tuple[int, Any]:
        """Return the status and what is sent: JSON, or a string as HTML."""
        if path.startswith("datasources/proxy/"):
            return self._proxied(method, authorized)
        if self.mode != "well":
            bad: dict[str, tuple[int, Any]] = {
                "refuses": (401, {"message": "invalid API key"}),
                "forbids": (403, {"message": "Permission denied"}),
                "redirects": (302, "/login"),
                "page": (200, "<html>log in</html>"),
                "nowhere": (404, {"message": "Not found"}),
            }
            if self.mode != "forbids" or path != "health":
                return bad[self.mode]
        if path == "health":
            return 200, {"version": self.version, "database": "ok"}
        if path == "frontend/settings":
            return 200, {"datasources": {"Siaga": {"id": 7, "uid": "siaga_store"}}}
        if not authorized:
            return 401, {"message": "Unauthorized"}
        if method != "GET":
            self.writes.append(f"{method} {path}")
        return self._api(method, path.split("/"), body)

    def _api(self, method: str, parts: list[str], body: Any) -> tuple[int, Any]:
        if parts[0] == "folders":
            return self._plain("folders", method, parts[1:], body)
        if parts[0] == "datasources":
            if parts[1:2] == ["uid"]:
                parts = parts[1:]
            if body:
                self.secrets = body.pop("secureJsonData", {})
                body = {**body, "readOnly": False, "secureJsonFields": dict.fromkeys(self.secrets, True), "id": 7}
            return self._plain("sources", method, parts[1:], body)
        if parts[:2] == ["dashboards", "uid"]:
            kept = None if parts[2] == self.forgets else self.kept["boards"].get(parts[2])
            return (200, kept) if kept else (404, {"message": "Dashboard not found"})
        if parts[:2] == ["dashboards", "db"]:
            return self._board(body)
        if parts[:3] == ["v1", "provisioning", "alert-rules"]:
            return self._rule(method, parts[3:], body)
        return 404, {"message": "Not found"}

    def _plain(self, kind: str, method: str, rest: list[str], body: Any) -> tuple[int, Any]:
        kept = self.kept[kind]
        if method == "GET":
            if not rest:
                return 200, list(kept.values())
            return (200, kept[rest[0]]) if rest[0] in kept else (404, {"message": "not found"})
        uid = rest[0] if rest else body["uid"]
        if method == "POST" and uid in kept:
            return 412, {"message": "already there"}
        kept[uid] = {**kept.get(uid, {}), **body, "uid": uid}
        return 200, kept[uid]

    def _board(self, body: Any) -> tuple[int, Any]:
        board = dict(body["dashboard"])
        there = self.kept["boards"].get(board["uid"], {}).get("dashboard", {})
        if there and not body["overwrite"]:
            return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
        board |= {"id": 100, "version": there.get("version", 0) + 1}
        self.kept["boards"][board["uid"]] = {"dashboard": board, "meta": {"folderUid": body.get("folderUid", "")}}
        return 200, {"status": "success", "version": board["version"]}

    def _rule(self, method: str, rest: list[str], body: Any) -> tuple[int, Any]:
        rules = self.kept["rules"]
        if method == "GET":
            if not rest:
                return (200, list(rules.values())) if self.lists_rules else (404, {"message": "Not found"})
            return (200, rules[rest[0]]) if rest[0] in rules else (500, {"message": "could not find alert rule"})
        rules[body["uid"]] = {**body, "id": 3, "updated": "2026-11-22T00:00:00Z", "provenance": "api"}
        return 201, rules[body["uid"]]

    def _proxied(self, method: str, authorized: bool) -> tuple[int, Any]:
        if method == "GET" and authorized:
            return self.store_says
        if self.open_proxy:
            return 204, None
        return 403, {"error": "not authorized"}


@contextmanager
def serving() -> Iterator[Standin]:
    """Serve a stand-in on a port of its own, below `/grafana/`."""
    standin = Standin()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(size)
            try:
                body = json.loads(raw) if raw else None
            except ValueError:
                body = None
            path = urlsplit(self.path).path.removeprefix("/grafana/api/")
            authorized = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            status, said = standin.answer(self.command, path, body, authorized)
            html = isinstance(said, str)
            sent = b"" if said is None else said.encode() if html else json.dumps(said).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", str(said))
            self.send_header("Content-Type", "text/html" if html else "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    standin.url = f"http://127.0.0.1:{server.server_address[1]}/grafana/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield standin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
