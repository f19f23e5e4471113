"""Hands a sealed push to a push service over HTTP (RFC 8030, section 5), on connections that are kept."""

from __future__ import annotations

import asyncio
import importlib
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from duty_desk.channels.channel import SEND_S
from duty_desk.channels.contacts_file import Subscription
from duty_desk.channels.webpush.sealing import BadKeyError, seal
from duty_desk.channels.webpush.settings import PushSettings
from duty_desk.channels.webpush.vapid import PushKey
from duty_desk.errors import ChannelError

if TYPE_CHECKING:
    import aiohttp

Urgency = Literal["very-low", "low", "normal", "high"]
ASK_S: Final = SEND_S - 0.3
"""What a push service has; a little less than the attempt, so that the attempt knows why it failed."""
KEEP_S: Final = 45.0
"""Between two looks at each service, so that the connection a press needs at night stands."""
_IDLE_S: Final = 2 * KEEP_S
MAX_TTL_S: Final = 28 * 86_400
MAX_CONNECTIONS: Final = 64
_MAX_ANSWER: Final = 65_536


class Courier:
    """Pushes. The connections belong to the event loop; `close` ends them.

    Args:
        key: Who pushes.
        settings: Where to.
    """

    def __init__(self, key: PushKey, settings: PushSettings) -> None:
        self._key = key
        self._settings = settings
        self._http: aiohttp.ClientSession | None = None

    async def push(
        self, phone: Subscription, text: bytes, *, ttl_s: float, urgency: Urgency, topic: str | None
    ) -> None:
        """Hand one push over.

        Args:
            phone: Who gets it.
            text: What it says.
            ttl_s: How long the service keeps it for a phone that is not there.
            urgency: `high` wakes a phone that saves its battery.
            topic: What is kept under it already is replaced; at most 32 letters of base64url.

        Raises:
            ChannelError: It was not taken; `gone` when there is no such browser any more.
        """
        if not self._settings.allows(phone.endpoint):
            raise ChannelError("not a push service that desk.toml allows")
        try:
            body = seal(text, phone.p256dh, phone.auth)
        except BadKeyError as error:
            raise ChannelError(f"the browser's key: {error}", gone=True) from None
        except ValueError as error:
            raise ChannelError(f"too long: {error}") from None
        headers = {
            "Authorization": self._key.authorization(phone.endpoint),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(min(math.ceil(ttl_s), MAX_TTL_S)),
            "Urgency": urgency,
        }
        if topic is not None:
            headers["Topic"] = topic
        status = await self._post(phone.endpoint, body, headers)
        if status in (404, 410):
            raise ChannelError("no such browser any more", gone=True)
        if not 200 <= status < 300:
            raise ChannelError(f"the push service answered {status}{_MEANS.get(status, '')}")

    async def keep(self, endpoints: Iterable[str]) -> None:
        """Look at each service behind these once; what it answers does not matter, only that a connection stands."""
        parts = [urlsplit(endpoint) for endpoint in endpoints if self._settings.allows(endpoint)]
        origins = {f"{each.scheme}://{each.netloc}/" for each in parts}
        await asyncio.gather(*(self._look(origin) for origin in origins))

    async def close(self) -> None:
        """Close the connections; the next push opens new ones."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def prepare(self) -> None:
        """Load the HTTP library beside the event loop: the desk's start does not wait for it, nor does a press."""
        await asyncio.to_thread(importlib.import_module, "aiohttp")

    async def _post(self, endpoint: str, body: bytes, headers: dict[str, str]) -> int:
        import aiohttp

        try:
            async with self._open().post(endpoint, data=body, headers=headers, allow_redirects=False) as answer:
                await _read(answer)
                return answer.status
        except TimeoutError:
            raise ChannelError(f"the push service did not answer within {ASK_S:.0f} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ChannelError(f"the push service cannot be reached: {type(error).__name__}") from None

    async def _look(self, origin: str) -> None:
        import aiohttp

        try:
            async with self._open().head(origin, allow_redirects=False) as answer:
                await _read(answer)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=_IDLE_S, ttl_dns_cache=300),
                timeout=aiohttp.ClientTimeout(total=ASK_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                # A city's way out may be a proxy, as HTTPS_PROXY says.
                trust_env=True,
            )
        return self._http


_MEANS: Final = {
    400: ": it does not understand the push",
    401: ": it does not take this desk's key",
    403: ": the phone was asked under another key; turn it off and on",
    413: ": too long",
    429: ": too many",
}


async def _read(answer: aiohttp.ClientResponse) -> None:
    """Read an answer to its end, as a connection is kept only then; a longer one costs the connection."""
    left = _MAX_ANSWER
    while left > 0 and (part := await answer.content.read(left)):
        left -= len(part)
