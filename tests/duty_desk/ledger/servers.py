"""A real PostgreSQL server of a test's own, with its data in a folder that goes with it."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from duty_desk.ledger.place import Server, server
from siaga.stack.ports import free_port

PASSWORD = "rahasia-basis-data"
_FAST = "-c fsync=off -c full_page_writes=off -c shared_buffers=16MB -c max_connections=30 -c autovacuum=off"


@dataclass
class Postgres:
    """A server that runs; its databases are made one by one."""

    folder: Path
    port: int
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self) -> None:
        """Start it; return when it answers."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} {_FAST}"
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self.folder / "log"), "-o", options)

    def stop(self) -> None:
        """End it as a power cut does."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self._data))

    def database(self) -> Server:
        """Return a new and empty database."""
        name = f"siaga_{next(self._numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return server(f"postgresql://siaga@127.0.0.1:{self.port}/{name}", PASSWORD)

    def connect(self, database: str | Server) -> psycopg.Connection:
        """Return a connection of an administrator, each statement of which is done at once."""
        name = database.url.rpartition("/")[2] if isinstance(database, Server) else database
        url = f"postgresql://siaga@127.0.0.1:{self.port}/{name}"
        return psycopg.connect(url, password=PASSWORD, autocommit=True)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root.
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        command = [*as_user, str(_binaries() / program), *arguments]
        with (self.folder / "commands").open("ab") as told:
            subprocess.run(command, check=True, cwd=self.folder, stdout=told, stderr=told, timeout=60)

    def make(self) -> None:
        """Make its data."""
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD + "\n")
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            for path in (self.folder, password_file):
                os.chown(path, user.pw_uid, user.pw_gid)
        options = ("-U", "siaga", "-A", "scram-sha-256", f"--pwfile={password_file}", "-E", "UTF8", "--no-sync")
        self._run("initdb", "-D", str(self._data), "--locale=C.UTF-8", *options)


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """Yield a server; end it and forget its data."""
    folder = Path(tempfile.mkdtemp(prefix="siaga-postgres-"))
    made = Postgres(folder, free_port())
    try:
        made.make()
        made.start()
        yield made
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    found = shutil.which("pg_ctl")
    if found is not None:
        return Path(found).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))
