"""The demo's client of the desk goes on over a connection that the desk has ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from siaga.demo.accounts import DemoAccounts
from siaga.demo.desk_client import DeskClient


class _Ends(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer, and end the connection without a word, as a desk does when it was idle for long."""
        body = b'{"incidents": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
        """Say nothing."""


@pytest.fixture
def page() -> Iterator[str]:
    """Yield the address of a desk that ends each connection after one answer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ends)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="ends")
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
def test_a_connection_that_the_desk_ended_meanwhile_is_no_error(page: str, tmp_path: Path) -> None:
    accounts = DemoAccounts(tmp_path)
    accounts.prepare(tmp_path / "accounts.db")
    with DeskClient(page, accounts) as desk:
        assert [desk.incidents() for _ in range(3)] == [[]] * 3
