"""An InfluxDB 1.x server on 127.0.0.1 that asks everyone for an account."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from provisioning.files import make_folder, write_private
from siaga.stack.ports import free_port
from siaga.stack.process import Process, ProcessError
from store import Account, InfluxDB1, StoreError
from store.account import read_password
from store.layout import Layout
from store.setup import init

ADMIN: Final = "admin"
COLLECTOR: Final = "collector"
READER: Final = "reader"
_RIGHTS: Final = {COLLECTOR: "WRITE", READER: "READ"}
"""What each account that is no admin may do in a database; the collector never reads."""

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
enabled = true
log-enabled = false

[http]
auth-enabled = true
pprof-enabled = false
bind-address = "127.0.0.1:{port}"
log-enabled = false
max-body-size = 25000000

[logging]
level = "warn"
suppress-logo = true
"""


class InfluxDB(Process):
    """A database server with one database, `siaga`, and three accounts; a restart keeps its data and their passwords.

    `admin` may do everything, `collector` may write to the database, `reader` may read from it.

    Args:
        folder: Where its configuration, log, data and the accounts' passwords go.
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

    def password_file(self, username: str) -> Path:
        """Return the file with an account's password, mode 0600; one is made up when there is none."""
        folder = self.folder / "accounts"
        path = folder / f"{username}.password"
        if not path.exists():
            make_folder(folder)
            write_private(path, secrets.token_urlsafe(32).encode())
        return path

    def launch(self) -> None:
        """Start it without waiting.

        Raises:
            ProcessError: It runs already or is not installed.
        """
        data = self.folder / "influxdb"
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o700)  # influxd makes its files, points and hashed passwords among them, for all to read
        parts = {part: json.dumps(str(data.resolve() / part)) for part in ("meta", "data", "wal")}
        self._config.write_text(_CONFIG.format(port=self.port, rpc_port=self._rpc_port, **parts))
        super().start()

    def start(self) -> None:
        """Start it, wait for its answer to /ping, and create accounts and database.

        Raises:
            ProcessError: It is not installed, ended, does not answer within 30 s, or knows another admin's password.
        """
        self.launch()
        self.wait_ready()

    def wait_ready(self, timeout_s: float = _START_TIMEOUT_S) -> None:
        """Wait until it answers, and create accounts and database.

        Raises:
            ProcessError: It ended, `timeout_s` seconds passed, or it knows another password of the admin.
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
        self._create_users()
        self.create_database(self.database)

    def create_database(self, database: str) -> None:
        """Create a database for the collector to write and the reader to read; one that exists is left as it is."""
        self.administer(f'CREATE DATABASE "{database}"')
        for username, right in _RIGHTS.items():
            self.administer(f'GRANT {right} ON "{database}" TO "{username}"')

    def set_up(self) -> None:
        """Give its database the retention and the means that `siaga store init` makes, and each account its right.

        Raises:
            ProcessError: The server does not answer or refused a statement.
        """
        # On a thread, as the caller's may have an event loop that runs.
        with ThreadPoolExecutor(1) as aside:
            try:
                aside.submit(asyncio.run, self._init()).result()
            except StoreError as error:
                raise ProcessError(f"influxdb is not set up: {error}") from None

    async def _init(self) -> None:
        rights = {right: [name for name, one in _RIGHTS.items() if one == right] for right in ("WRITE", "READ")}
        async with InfluxDB1(self.url, self.database, Account(ADMIN, self.password_file(ADMIN))) as store:
            await init(store, Layout(), writers=rights["WRITE"], readers=rights["READ"])

    def drop_database(self, database: str) -> None:
        """Drop a database with all its points."""
        self.administer(f'DROP DATABASE "{database}"')

    def administer(self, influxql: str) -> list[dict[str, Any]]:
        """Return the series of one InfluxQL statement as the admin.

        Raises:
            ProcessError: The server does not answer or refused the statement.
        """
        return _ask(f"{self.url}/query", {"q": influxql}, ADMIN, self.password_file(ADMIN), method="POST")

    def query(self, influxql: str, *, database: str | None = None) -> list[dict[str, Any]]:
        """Return the series of one InfluxQL query as the reader: `name`, `tags`, `columns`, `values`; times in ns.

        Raises:
            ProcessError: The server does not answer or refused the query.
        """
        return query_database(self.url, database or self.database, influxql, self.password_file(READER))

    def _create_users(self) -> None:
        # While a server has no admin it takes this one statement, from anyone. Whoever came first is found out: ours is
        # refused then. With the same password it changes nothing.
        self.administer(f"CREATE USER {ADMIN} WITH PASSWORD '{self._password(ADMIN)}' WITH ALL PRIVILEGES")
        [users] = self.administer("SHOW USERS")
        known = {row[0] for row in users["values"]}
        for username in _RIGHTS:
            password = self._password(username)
            if username in known:
                self.administer(f"SET PASSWORD FOR {username} = '{password}'")
            else:
                self.administer(f"CREATE USER {username} WITH PASSWORD '{password}'")

    def _password(self, username: str) -> str:
        return read_password(self.password_file(username))


def query_database(url: str, database: str, influxql: str, reader_password_file: Path) -> list[dict[str, Any]]:
    """Return the series of one InfluxQL query as `reader`: `name`, `tags`, `columns`, `values`; times in ns.

    Raises:
        ProcessError: The server does not answer or refused the query.
        PrivateFileError: The password cannot be read.
    """
    parameters = {"db": database, "epoch": "ns", "q": influxql}
    return _ask(f"{url}/query", parameters, READER, reader_password_file, method="GET")


def _ask(
    url: str, parameters: dict[str, str], username: str, password_file: Path, *, method: str
) -> list[dict[str, Any]]:
    words = urllib.parse.urlencode(parameters)
    given = base64.b64encode(f"{username}:{read_password(password_file)}".encode()).decode()
    request = urllib.request.Request(
        url if method == "POST" else f"{url}?{words}",
        data=words.encode() if method == "POST" else None,
        headers={"Authorization": f"Basic {given}"},
    )
    try:
        with _OPENER.open(request, timeout=_REQUEST_TIMEOUT_S) as answer:
            result = json.load(answer)["results"][0]
    except urllib.error.HTTPError as error:
        raise ProcessError(
            f"influxdb refused {username}: {error.code} {error.read(500).decode(errors='replace')}"
        ) from None
    except OSError as error:
        raise ProcessError(f"influxdb does not answer: {error}") from None
    if "error" in result:
        raise ProcessError(f"influxdb refused {username}: {result['error']}")
    series: list[dict[str, Any]] = result.get("series", [])
    return series
