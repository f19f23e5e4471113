"""Where a ledger is: a file of SQLite, or a database on a PostgreSQL server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

SCHEME: Final = "postgresql://"
_LOCAL: Final = ("", "localhost", "127.0.0.1", "::1")
_SECRET: Final = ("password", "sslpassword", "passfile")


@dataclass(frozen=True, slots=True)
class Server:
    """A database on a PostgreSQL server, without its password where it is shown.

    Args:
        url: What libpq calls a connection URI, without a password.
        password: None where the server asks for none, as on a Unix socket.
    """

    url: str
    password: str | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return self.url


Place: TypeAlias = Path | Server


def there(place: Place) -> bool:
    """Return whether there may be a ledger: whether the file is there. A server is asked when it is used."""
    return isinstance(place, Server) or place.exists()


def server(url: str, password: str | None = None) -> Server:
    """Return the database that a URL names.

    Raises:
        ValueError: It is none, holds a password, or names another machine without saying how that is known.
    """
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2]
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise ValueError(f"expected a URL: {error}") from None
    if not url.startswith(SCHEME) or len(parts.path) < 2 or parts.fragment or any(each.isspace() for each in url):
        raise ValueError("expected postgresql://user@host:port/database")
    if parts.password is not None or any(name in options for name in _SECRET):
        raise ValueError("a password does not belong into the URL: write it into a file, and name that")
    named = [_host(each) for each in hosts.split(",")] + options.get("host", "").split(",")
    named += options.get("hostaddr", "").split(",")
    far = [host for host in named if host not in _LOCAL and not host.startswith("/")]
    if far and options.get("sslmode") != "verify-full":
        raise ValueError(
            f"{far[0]} is another machine: add ?sslmode=verify-full&sslrootcert=/path/ca.pem, so that nobody can stand "
            "in for it"
        )
    return Server(url, password)


def _host(netloc: str) -> str:
    """Return the host of `host:port`, `[::1]:port` or `%2Frun%2Fpostgresql`."""
    if netloc.startswith("["):
        return netloc[1:].partition("]")[0]
    return netloc.partition(":")[0].replace("%2F", "/").replace("%2f", "/")
