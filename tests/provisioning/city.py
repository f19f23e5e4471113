"""An authority with a clock of its own, and openssl's word on what it signed."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from provisioning.authority import Authority

START = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass
class City:
    """An authority in a folder, at a time that a test moves."""

    folder: Path
    now: datetime = START
    authority: Authority = field(init=False)

    def __post_init__(self) -> None:
        self.authority = Authority.init(self.folder, clock=lambda: self.now)

    def later(self, days: float) -> None:
        """Move the clock."""
        self.now += timedelta(days=days)

    def device(self, name: str, *options: str, trust: Path | None = None) -> str:
        """Return what openssl says of a device's certificate as a client's: `OK`, or the reasons against it."""
        path = self.authority.device_certificate(name)
        return verify(path, trust or self.authority.trust, self.now, "-purpose", "sslclient", *options)

    def broker(self, *options: str, trust: Path | None = None) -> str:
        """Return what openssl says of the alarm broker's certificate as a server's."""
        path = self.authority.broker_certificate("alarm")
        return verify(path, trust or self.authority.trust, self.now, "-purpose", "sslserver", *options)


def verify(path: Path, trust: Path, now: datetime, *options: str) -> str:
    """Return `OK`, or openssl's reasons against a certificate; strict, at a time, with the chain of its own file."""
    at = ["-attime", str(int(now.timestamp()))] if "-attime" not in options else []
    files = ["-CAfile", str(trust), "-untrusted", str(path)]
    command = ["openssl", "verify", "-x509_strict", *files, *at, *options, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    if done.returncode == 0:
        assert done.stdout.endswith("OK\n")
        return "OK"
    return done.stderr


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
