"""A push service (RFC 8030) on this machine, and the browsers behind it: it takes what a real one takes, and the
browsers open it. The decryption is of its own making, from RFC 8188 and 8291, and shares nothing with the desk's."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from siaga.stack.ports import free_port

CURVE = ec.SECP256R1()


def b64(value: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def unb64(text: str) -> bytes:
    """Return the bytes of base64url."""
    return base64.urlsafe_b64decode(text + "==")


def _expand(secret: bytes, info: bytes, length: int) -> bytes:
    return hmac.digest(secret, info + b"\x01", "sha256")[:length]


@dataclass
class Browser:
    """One browser's subscription: its keys, and what came."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(CURVE))
    auth: bytes = field(default_factory=lambda: os.urandom(16))
    name: str = field(default_factory=lambda: os.urandom(6).hex())
    answer: int = 201
    delay_s: float = 0.0
    """How long it is until a push is taken."""
    opens: asyncio.Event | None = None
    """None is taken before this is set."""
    came: list[Came] = field(default_factory=list)
    heard: Callable[[Came], None] = lambda _came: None

    @property
    def point(self) -> bytes:
        """Its public key."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def open(self, body: bytes) -> bytes:
        """Return what a body says: RFC 8291, section 3.4, step by step; one that is not for us raises InvalidTag."""
        salt, size, key_length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender_point, record = body[21 : 21 + key_length], body[21 + key_length :]
        assert key_length == 65
        assert 17 <= len(record) <= size
        sender = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, sender_point)
        shared = self.private.exchange(ec.ECDH(), sender)
        combined = hmac.digest(self.auth, shared, "sha256")
        ikm = _expand(combined, b"WebPush: info\x00" + self.point + sender_point, 32)
        secret = hmac.digest(salt, ikm, "sha256")
        key = _expand(secret, b"Content-Encoding: aes128gcm\x00", 16)
        nonce = _expand(secret, b"Content-Encoding: nonce\x00", 12)
        padded = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\x00")
        assert padded[-1:] == b"\x02"
        return padded[:-1]


@dataclass(frozen=True)
class Came:
    """One push, opened."""

    note: dict[str, Any]
    headers: dict[str, str]
    at_s: float
    vapid: dict[str, Any]


class PushService:
    """The service, on a free port of this machine."""

    def __init__(self) -> None:
        self.origin = f"http://127.0.0.1:{free_port()}"
        self.browsers: dict[str, Browser] = {}
        self.connections: set[tuple[str, int]] = set()
        self.refused: list[str] = []
        self.asked: Counter[str] = Counter()
        self._arrived = asyncio.Condition()

    def browser(self, **how: Any) -> Browser:
        """Return a new browser."""
        made = Browser(**how)
        self.browsers[made.name] = made
        return made

    def endpoint(self, browser: Browser) -> str:
        """Return where it is pushed to."""
        return f"{self.origin}/push/{browser.name}"

    def subscription(self, browser: Browser) -> dict[str, Any]:
        """Return what `PushSubscription.toJSON()` gives."""
        keys = {"p256dh": b64(browser.point), "auth": b64(browser.auth)}
        return {"endpoint": self.endpoint(browser), "keys": keys}

    async def wait(self, browser: Browser, count: int = 1, timeout_s: float = 15.0) -> Came:
        """Return what came to a browser as the `count`th."""
        async with asyncio.timeout(timeout_s), self._arrived:
            await self._arrived.wait_for(lambda: len(browser.came) >= count)
        return browser.came[count - 1]

    async def look(self, request: web.Request) -> web.Response:
        """Answer to who looks whether it is there."""
        self._note(request)
        return web.Response(status=404)

    def _note(self, request: web.Request) -> None:
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))

    async def take(self, request: web.Request) -> web.Response:
        """Take a push as RFC 8030 and 8292 want it."""
        self._note(request)
        browser = self.browsers.get(request.match_info["name"])
        if browser is None:
            return web.Response(status=410)
        body = await request.read()
        self.asked[browser.name] += 1
        await asyncio.sleep(browser.delay_s)
        if browser.opens is not None:
            await browser.opens.wait()
        if browser.answer >= 300:
            return web.Response(status=browser.answer, text="no", headers={"location": f"{self.origin}/elsewhere"})
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            vapid = self._vapid(headers["authorization"])
            assert headers["ttl"].isdigit()
            assert headers["content-encoding"] == "aes128gcm"
            assert len(headers.get("topic", "")) <= 32
            assert len(body) <= 4_096
            note = json.loads(browser.open(body))
        except (AssertionError, KeyError, ValueError, InvalidSignature) as error:
            self.refused.append(repr(error))
            return web.Response(status=400, text=repr(error))
        came = Came(note, headers, time.monotonic(), vapid)
        async with self._arrived:
            browser.came.append(came)
            self._arrived.notify_all()
        browser.heard(came)
        return web.Response(status=browser.answer, headers={"location": f"{self.origin}/message/{len(browser.came)}"})

    def _vapid(self, header: str) -> dict[str, Any]:
        scheme, _, parameters = header.partition(" ")
        assert scheme == "vapid"
        told = dict(part.strip().split("=", 1) for part in parameters.split(","))
        signed, _, signature = told["t"].rpartition(".")
        head, _, claims = signed.partition(".")
        assert json.loads(unb64(head)) == {"typ": "JWT", "alg": "ES256"}
        raw = unb64(signature)
        assert len(raw) == 64
        numbers = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, unb64(told["k"]))
        key.verify(numbers, signed.encode(), ec.ECDSA(hashes.SHA256()))
        found: dict[str, Any] = json.loads(unb64(claims))
        assert found["aud"] == self.origin
        assert time.time() < found["exp"] <= time.time() + 86_400
        return found | {"k": told["k"]}


@asynccontextmanager
async def push_service() -> AsyncIterator[PushService]:
    """Run one."""
    made = PushService()
    app = web.Application()
    app.router.add_post("/push/{name}", made.take)
    app.router.add_head("/", made.look)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", int(made.origin.rpartition(":")[2]))
    await site.start()
    try:
        yield made
    finally:
        await runner.cleanup()


def id_of(endpoint: str) -> str:
    """Return how the desk names a phone."""
    return hashlib.sha256(endpoint.encode()).hexdigest()[:32]
