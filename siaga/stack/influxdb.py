"""An InfluxDB 1.x server on 127.0.0.1."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Final

from siaga.stack.process import Process, ProcessError, free_port

_POLL_S: Final = 0.02
_START_TIMEOUT_S: Final = 30.0
_REQUEST_TIMEOUT_S: Final = 10.0
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The database is on this machine: no proxy of the environment stands between."""

_CONFIG: Final = """\
# Written by Siaga at each start.
reporting-disabled = true
bind-address = "127.0.0.1:{rpc_port}"

[meta]
dir = {meta}
logging-enabled = false

[data]
dir = {data}
wal-dir = {wal}
query-log-enabled = false

[monitor]
store-enabled = false

[subscriber]
enabled = false

[continuous_queries]
enabled = false

[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
max-body-size = 25000000

[logging]
level = "warn"
suppress-logo = true
"""


class InfluxDB(Process):
    """A database server with one database, `siaga`; a restart keeps its data.

    Args:
        folder: Where its configuration, log and data go.
        port: The HTTP port on 127.0.0.1; None takes a free one. A restart uses it again.
    """

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.port = port if port is not None else free_port()
        self.database = "siaga"
        self._rpc_port = free_port()
        self._config = folder / "influxdb.conf"
        super().__init__(["influxd", "run", "-config", str(self._config)], name="influxdb", folder=folder)

    @property
    def url(self) -> str:
        """Its address, such as `http://127.0.0.1:8086`."""
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start it without waiting.

        Raises:
            ProcessError: It runs already or is not installed.
        """
        data = self.folder / "influxdb"
        data.mkdir(parents=True, exist_ok=True)
        parts = {part: json.dumps(str(data.resolve() / part)) for part in ("meta", "data", "wal")}
        self._config.write_text(_CONFIG.format(port=self.port, rpc_port=self._rpc_port, **parts))
        super().start()

    def start(self) -> None:
        """Start it, wait for its answer to /ping, and create the database.

        Raises:
            ProcessError: It is not installed, ended, or does not answer within 30 s.
        """
        self.launch()
        self.wait_ready()

    def wait_ready(self, timeout_s: float = _START_TIMEOUT_S) -> None:
        """Wait until it answers, and create the database.

        Raises:
            ProcessError: It ended, or `timeout_s` seconds passed.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            running = self.running
            try:
                with _OPENER.open(f"{self.url}/ping", timeout=1.0):
                    break
            except OSError:
                self.check_waiting(deadline, timeout_s, running=running)
                time.sleep(_POLL_S)
        self.create_database(self.database)

    def create_database(self, database: str) -> None:
        """Create a database; one that exists is left as it is."""
        self._post(f'CREATE DATABASE "{database}"')

    def drop_database(self, database: str) -> None:
        """Drop a database with all its points."""
        self._post(f'DROP DATABASE "{database}"')

    def query(self, influxql: str, *, database: str | None = None) -> list[dict[str, Any]]:
        """Return the series of one InfluxQL query: `name`, `tags`, `columns`, `values`; times in ns.

        Raises:
            ProcessError: The server does not answer or refused the query.
        """
        return query_database(self.url, database or self.database, influxql)

    def _post(self, influxql: str) -> None:
        _ask(urllib.request.Request(f"{self.url}/query", data=urllib.parse.urlencode({"q": influxql}).encode()))


def query_database(url: str, database: str, influxql: str) -> list[dict[str, Any]]:
    """Return the series of one InfluxQL query to any server: `name`, `tags`, `columns`, `values`; times in ns.

    Raises:
        ProcessError: The server does not answer or refused the query.
    """
    parameters = urllib.parse.urlencode({"db": database, "epoch": "ns", "q": influxql})
    return _ask(urllib.request.Request(f"{url}/query?{parameters}"))


def _ask(request: urllib.request.Request) -> list[dict[str, Any]]:
    try:
        with _OPENER.open(request, timeout=_REQUEST_TIMEOUT_S) as answer:
            result = json.load(answer)["results"][0]
    except urllib.error.HTTPError as error:
        raise ProcessError(f"influxdb refused: {error.code} {error.read(500).decode(errors='replace')}") from None
    except OSError as error:
        raise ProcessError(f"influxdb does not answer: {error}") from None
    if "error" in result:
        raise ProcessError(f"influxdb refused: {result['error']}")
    series: list[dict[str, Any]] = result.get("series", [])
    return series
