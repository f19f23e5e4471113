"""InfluxDB 1.x over HTTP: POST /write with ready line protocol, GET /query with InfluxQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from types import TracebackType
from typing import Any, Self

import aiohttp

from contract.errors import PrivateFileError
from store.account import Account
from store.errors import StoreDeniedError, StoreMisconfiguredError, StoreQueryError, StoreRetryError
from store.first_writes import FirstWrites, days_of
from store.protocol import Row
from store.replies import reason_of, trouble, write_fault

_MAX_FAULT_BYTES = 65_536
_MAX_ANSWER_BYTES = 64 * 1024 * 1024
_CONNECTIONS = 8


class InfluxDB1:
    """An InfluxDB 1.x database.

    Use as an async context manager; connections open at the first request.

    Args:
        url: Such as `http://127.0.0.1:8086`.
        database: The database's name.
        account: Who we are to it; None for a server that asks nobody.
        timeout_s: How long one request may take altogether, in seconds.
        others: Whether others write to the database, too; see `store.first_writes`.
    """

    def __init__(
        self,
        url: str,
        database: str,
        account: Account | None = None,
        *,
        timeout_s: float = 10.0,
        others: bool = False,
    ) -> None:
        self.url = url.rstrip("/")
        self.database = database
        self._account = account
        self._timeout_s = timeout_s
        self._first_writes = FirstWrites(others=others)
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
            auto_decompress=True,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def prepare(self) -> None:
        """Create the database unless it is there; see `Store.prepare`.

        An account that may only write sees its own databases, and may create none: an admin has to, and is told so.
        """
        try:
            if self.database in {row.get("name") for row in await self.query("SHOW DATABASES")}:
                return
            await self._create()
        except StoreQueryError as error:
            raise StoreMisconfiguredError(f"{self.url}: {error}") from None

    async def write(self, lines: bytes, *, policy: str = "", days: Collection[int] | None = None) -> None:
        """Write points; see `Store.write`."""
        of = days_of(lines) if days is None else days
        await self._first_writes.write(of, policy, lambda: self._post(lines, policy))

    async def query(self, influxql: str) -> list[Row]:
        """Return the rows that answer an InfluxQL query; see `Store.query`."""
        return await self._query("GET", influxql)

    async def administer(self, influxql: str) -> list[Row]:
        """Return the rows of a statement that changes something; as `query`, but by POST."""
        return await self._query("POST", influxql)

    async def health(self) -> str:
        """Return what answered; see `Store.health`."""
        status, headers, body = await self._request("GET", "/ping", {}, None, _MAX_FAULT_BYTES)
        if status not in (200, 204):
            raise trouble(status, headers, reason_of(headers, body), self._account)
        version = headers.get("X-Influxdb-Version", "")
        if not version:
            raise StoreMisconfiguredError(f"{self.url} answers, but is no InfluxDB")
        return f"InfluxDB {version.removeprefix('v')}"

    async def _post(self, lines: bytes, policy: str) -> None:
        parameters = {"db": self.database, "precision": "ns"} | ({"rp": policy} if policy else {})
        status, headers, body = await self._request("POST", "/write", parameters, lines, _MAX_FAULT_BYTES)
        fault = write_fault(status, headers, body, self._account)
        if status == 404 and self._account is not None:
            raise StoreMisconfiguredError(f"{fault}; {_remedy(self.database, self._account)}")
        if fault is not None:
            raise fault

    async def _create(self) -> None:
        name = self.database.replace("\\", "\\\\").replace('"', '\\"')
        try:
            await self._query("POST", f'CREATE DATABASE "{name}"')
        except StoreDeniedError:
            if self._account is None:
                raise
            remedy = _remedy(self.database, self._account)
            raise StoreMisconfiguredError(f"{self.url}: no database {self.database} for us; {remedy}") from None

    async def _query(self, method: str, influxql: str) -> list[Row]:
        parameters = {"db": self.database, "epoch": "ns", "q": influxql}
        status, headers, body = await self._request(method, "/query", parameters, None, _MAX_ANSWER_BYTES)
        if status == 400:
            raise StoreQueryError(reason_of(headers, body))
        if status != 200:
            raise trouble(status, headers, reason_of(headers, body), self._account)
        return _rows(body)

    async def _request(
        self, method: str, path: str, parameters: dict[str, str], data: bytes | None, max_bytes: int
    ) -> tuple[int, Any, bytes]:
        """Return status, headers and body; when our password is refused and has changed, ask again with the new one."""
        account = self._account
        if account is None:
            return await self._ask(method, path, parameters, data, max_bytes, {})
        given = {"Authorization": account.authorization}
        answer = await self._ask(method, path, parameters, data, max_bytes, given)
        if answer[0] == 401:
            try:
                account.read_again()
            except PrivateFileError as error:
                raise StoreDeniedError(f"the store refuses user {account.username}, and {error}") from None
            fresh = {"Authorization": account.authorization}
            if fresh != given:
                return await self._ask(method, path, parameters, data, max_bytes, fresh)
        return answer

    async def _ask(
        self,
        method: str,
        path: str,
        parameters: dict[str, str],
        data: bytes | None,
        max_bytes: int,
        more_headers: dict[str, str],
    ) -> tuple[int, Any, bytes]:
        """Return status, headers and body. A body that is cut short is returned as far as it came."""
        assert self._http is not None, "use it as an async context manager"
        try:
            async with self._http.request(
                method, self.url + path, params=parameters, data=data, headers=more_headers, allow_redirects=False
            ) as reply:
                return reply.status, reply.headers, await read_reply(reply, max_bytes)
        except TimeoutError:
            self._first_writes.unanswered()
            raise StoreRetryError(f"{self.url} did not answer within {self._timeout_s} s") from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise StoreMisconfiguredError(f"{self.url}: not an address: {error}") from None
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            raise StoreRetryError(f"{self.url}: {error or type(error).__name__}") from None


def _remedy(database: str, account: Account) -> str:
    return f'an admin has to: CREATE DATABASE "{database}", GRANT WRITE ON "{database}" TO "{account.username}"'


async def read_reply(reply: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Return a reply's body, up to `max_bytes`, as far as it came."""
    parts: list[bytes] = []
    size = 0
    try:
        async for part in reply.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > max_bytes:
                break
    except aiohttp.ClientPayloadError:
        # The status is known, and the status decides.
        pass
    return b"".join(parts)[:max_bytes]


def _rows(body: bytes) -> list[Row]:
    try:
        results = json.loads(body)["results"]
        rows: list[Row] = []
        for result in results:
            if "error" in result:
                raise StoreQueryError(str(result["error"]))
            for series in result.get("series", ()):
                if series.get("partial"):
                    raise StoreQueryError("the answer is cut short by the store's limit of rows")
                named = {"measurement": series["name"]} if "name" in series else {}
                named |= series.get("tags", {})
                rows.extend(
                    named | dict(zip(series["columns"], values, strict=True)) for values in series.get("values", ())
                )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise StoreRetryError(f"an answer that is none: {type(error).__name__}: {error}") from None
    return rows
