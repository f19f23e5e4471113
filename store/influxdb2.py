"""InfluxDB 2.x and 3.x: writes through influxdb-client as ready bytes; queries are InfluxQL, which all of them answer.

influxdb-client is imported when a store is entered, and only then; it comes with the extra `influxdb2`. Of it we take
the write service, with the reply left to us: `replies` judges by the status, whatever became of the body, while the
client takes any 2xx for success and loses the status of a reply that is cut short.
"""

from __future__ import annotations

import asyncio
import json
import re
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp

from contract.errors import PrivateFileError
from store.account import Token
from store.errors import StoreDeniedError, StoreMisconfiguredError, StoreQueryError, StoreRetryError
from store.influxdb1 import InfluxDB1, read_reply
from store.protocol import Row
from store.replies import reason_of, trouble, write_fault

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

_MAX_BYTES: Final = 1_048_576
_CONNECTIONS: Final = 8
_ERROR: Final = re.compile(r"^,?error,reference", re.MULTILINE)


class InfluxDB2(InfluxDB1):
    """A bucket of an InfluxDB 2.x, or a database of a 3.x.

    Args:
        url: Such as `http://127.0.0.1:8086`.
        bucket: The bucket; InfluxQL knows it as a database of the same name.
        org: The organisation; 3.x has none and takes any.
        token: Who we are to it.
        timeout_s: How long one request may take altogether, in seconds.
        others: As in `InfluxDB1`.
    """

    def __init__(
        self, url: str, bucket: str, org: str, token: Token, *, timeout_s: float = 10.0, others: bool = False
    ) -> None:
        super().__init__(url, bucket, token, timeout_s=timeout_s, others=others)
        self.org = org
        self.token = token
        self._client: InfluxDBClientAsync | None = None
        self._service: Any = None

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        try:
            self._connect()
        except BaseException:  # whatever befell it: who could not enter does not leave
            await super().__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()  # type: ignore[no-untyped-call]
            self._client = None
        await super().__aexit__(kind, error, trace)

    async def prepare(self) -> None:
        """Create the bucket unless it is there; see `Store.prepare`. 3.x makes it at the first write."""
        if (await self.health()).startswith("InfluxDB 3"):
            return
        if await self.bucket(self.database) is None:
            made = await self.api("POST", "/api/v2/buckets", {"orgID": await self.org_id(), "name": self.database})
            if "id" not in made:
                raise StoreMisconfiguredError(f"{self.url}: made no bucket {self.database}")

    async def bucket(self, name: str) -> dict[str, Any] | None:
        """Return what the server says of a bucket, or None when there is none that our token may see.

        Raises:
            StoreRetryError, StoreMisconfiguredError: As `write`.
        """
        found = await self.api("GET", "/api/v2/buckets", None, {"org": self.org, "name": name}, missing_is_empty=True)
        return next((one for one in found.get("buckets", ()) if one.get("name") == name), None)

    async def org_id(self) -> str:
        """Return the organisation's id.

        Raises:
            StoreRetryError, StoreMisconfiguredError: As `write`; the latter also when there is none of that name.
        """
        found = await self.api("GET", "/api/v2/orgs", None, {"org": self.org}, missing_is_empty=True)
        for one in found.get("orgs", ()):
            if one.get("name") == self.org:
                return str(one["id"])
        raise StoreMisconfiguredError(f"{self.url}: no organisation {self.org} that the token may see")

    async def api(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        parameters: dict[str, str] | None = None,
        *,
        missing_is_empty: bool = False,
    ) -> dict[str, Any]:
        """Ask the management API; return its answer.

        Raises:
            StoreQueryError: The request is refused.
            StoreRetryError, StoreMisconfiguredError: As `write`.
        """
        data = None if body is None else json.dumps(body).encode()
        status, headers, answer = await self._request(method, path, parameters or {}, data, _MAX_BYTES)
        if status == 404 and missing_is_empty:
            return {}
        if status in (400, 422):
            raise StoreQueryError(reason_of(headers, answer))
        if status not in (200, 201, 204):
            raise trouble(status, headers, reason_of(headers, answer), self.token)
        try:
            found = json.loads(answer or b"{}")
        except ValueError:
            raise StoreRetryError(f"{self.url}{path}: an answer that is none") from None
        return found if isinstance(found, dict) else {}

    async def flux(self, text: str) -> str:
        """Run a script in Flux; return its answer as CSV, up to 1 MiB of it.

        Raises:
            StoreQueryError: It is refused, or fails on the way.
            StoreRetryError, StoreMisconfiguredError: As `write`.
        """
        data = json.dumps({"query": text, "type": "flux"}).encode()
        status, headers, body = await self._request("POST", "/api/v2/query", {"org": self.org}, data, _MAX_BYTES)
        answer = body.decode(errors="replace")
        if status == 400:
            raise StoreQueryError(reason_of(headers, body))
        if status != 200:
            raise trouble(status, headers, reason_of(headers, body), self.token)
        if not str(headers.get("Content-Type", "")).startswith("text/csv"):
            raise StoreMisconfiguredError(f"{self.url}: a page, and not the answer of an InfluxDB")
        # An error on the way comes with 200, as a table of its own.
        if _ERROR.search(answer):
            raise StoreQueryError(answer[-500:].strip())
        return answer

    async def administer(self, influxql: str) -> list[Row]:
        """Raise StoreQueryError: in 2.x and 3.x InfluxQL changes nothing."""
        raise StoreQueryError("InfluxQL changes nothing in InfluxDB 2.x and 3.x")

    async def _post(self, lines: bytes, policy: str) -> None:
        bucket = f"{self.database}/{policy}" if policy else self.database
        status, headers, body = await self._write(lines, bucket)
        if status == 401 and self._read_again():
            status, headers, body = await self._write(lines, bucket)
        fault = write_fault(status, headers, body, self.token)
        if fault is not None:
            raise fault

    def _connect(self) -> None:
        try:
            from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
            from influxdb_client.service.write_service import WriteService
        except ImportError as error:
            raise StoreMisconfiguredError(f"InfluxDB 2.x and 3.x need the extra `influxdb2`: {error}") from None
        self._client = InfluxDBClientAsync(
            self.url,
            self.token.secret,
            self.org,
            timeout=int(self._timeout_s * 1_000),
            connection_pool_maxsize=_CONNECTIONS,
            allow_redirects=False,
        )
        self._service = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]

    async def _write(self, lines: bytes, bucket: str) -> tuple[int, Any, bytes]:
        assert self._client is not None, "use it as an async context manager"
        try:
            async with asyncio.timeout(self._timeout_s):
                reply = await self._service.post_write_async(
                    org=self.org,
                    bucket=bucket,
                    body=lines,
                    precision="ns",
                    content_type="text/plain; charset=utf-8",
                    async_req=False,
                    _return_http_data_only=True,
                    _preload_content=False,
                )
                async with reply:
                    return reply.status, reply.headers, await read_reply(reply, _MAX_BYTES)
        except TimeoutError:
            self._first_writes.unanswered()
            raise StoreRetryError(f"{self.url} did not answer within {self._timeout_s} s") from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise StoreMisconfiguredError(f"{self.url}: not an address: {error}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise StoreRetryError(f"{self.url}: {error or type(error).__name__}") from None

    def _read_again(self) -> bool:
        """Read the token again; return whether it has changed."""
        assert self._client is not None
        before = self.token.secret
        try:
            self.token.read_again()
        except PrivateFileError as error:
            raise StoreDeniedError(f"the store refuses {self.token.username}, and {error}") from None
        self._client.api_client.default_headers["Authorization"] = self.token.authorization
        return self.token.secret != before
