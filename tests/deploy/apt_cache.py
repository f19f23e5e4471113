"""Debian's packages for the machines: a proxy inside their network that keeps what it fetched.

Only Debian's own hosts are asked. A package never changes, so it is fetched once; an index is fetched anew after some
hours, or taken from the cache when Debian cannot be reached: the second run needs no internet.
"""

from __future__ import annotations

import shutil
import threading
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.deploy.image import APT_PORT, cache
from tests.deploy.network import HUB_ADDRESS, inside

_HOSTS: Final = frozenset({"deb.debian.org", "security.debian.org"})
_INDEX_KEPT_S: Final = 12 * 3600.0
_FETCH_TIMEOUT_S: Final = 60.0
_FETCHED_AT_ONCE: Final = 4


class AptCache:
    """The proxy; `open` and `close` start and end it."""

    def __init__(self) -> None:
        self.folder = cache() / "apt"
        self._server: ThreadingHTTPServer | None = None
        self.fetched = 0

    def open(self) -> None:
        """Listen inside the network; fetch from outside it."""
        _Handler.cache = self
        self._server = inside(lambda: ThreadingHTTPServer((HUB_ADDRESS, APT_PORT), _Handler))
        threading.Thread(target=self._server.serve_forever, name="apt cache", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def file(self, url: str) -> Path | None:
        """Return where what a URL names is kept, fetched when need be; None when Debian has no such thing.

        Raises:
            OSError: It is not kept and cannot be fetched.
        """
        parts = urlsplit(url)
        kept = self.folder / parts.netloc / parts.path.lstrip("/")
        for_ever = "/pool/" in parts.path or "/by-hash/" in parts.path
        if kept.is_file() and (for_ever or time.time() - kept.stat().st_mtime < _INDEX_KEPT_S):
            return kept
        try:
            self._fetch(url, kept)
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise
        except OSError:
            if not kept.is_file():
                raise
        return kept

    def _fetch(self, url: str, kept: Path) -> None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        half = kept.with_name(f"{kept.name}.half-{threading.get_ident()}")
        try:
            with (
                _SLOTS,
                urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT_S) as response,
                half.open("wb") as written,
            ):
                shutil.copyfileobj(response, written)
            half.rename(kept)
            self.fetched += 1
        finally:
            half.unlink(missing_ok=True)


_SLOTS: Final = threading.BoundedSemaphore(_FETCHED_AT_ONCE)


class _Handler(BaseHTTPRequestHandler):
    cache: AptCache
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.scheme != "http" or parts.netloc not in _HOSTS or ".." in parts.path:
            self.send_error(HTTPStatus.FORBIDDEN, "only Debian's packages are here")
            return
        try:
            file = self.cache.file(self.path)
        except OSError as error:
            self.send_error(HTTPStatus.BAD_GATEWAY, str(error)[:200])
            return
        if file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with file.open("rb") as kept:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", str(file.stat().st_size))
            self.end_headers()
            shutil.copyfileobj(kept, self.wfile)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Say nothing: a run has thousands of these."""
