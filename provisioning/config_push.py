"""Configurations for devices: signed here, kept beside the authority, published retained, and what a box says of them.

Rules:
- `configs/DEVICE.json` in the authority's folder is the last envelope of a device, written before it is published. A
  broker that came back empty gets it again.
- A version is the last one and one more. The box refuses one that is not newer than any it took.
- Here only what every box has is checked; the box checks the rest as it would at a start, and says what is wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from contract import topics
from contract.errors import BodyError
from contract.messages import ConfigReply, PushedConfig, decode
from contract.signed import Document, Envelope
from link import Endpoint, NotConnectedError, PublishTimeoutError, Session
from link.errors import PublishRefusedError
from link.trust import load_credentials
from provisioning.authority import Authority
from provisioning.brokers.accounts import password_file
from provisioning.brokers.apply import load_broker
from provisioning.brokers.model import account
from provisioning.errors import NameRefusedError, RefusedError, UnusableError
from provisioning.files import locked, make_folder, read_file, write_private

SERVICE: Final = "provisioning"
CONNECT_S: Final = 15.0
_FOLDER: Final = "configs"


def envelope_file(authority: Authority, device: str) -> Path:
    """Return the file of the last configuration that was signed for a device."""
    return authority.folder / _FOLDER / f"{device}.json"


def sign_config(
    authority: Authority, device: str, toml: str, *, confirm_s: int = 180, version: int | None = None
) -> tuple[int, bytes]:
    """Sign a configuration for a device, keep it, and return its version and envelope.

    Args:
        authority: Who signs.
        device: A device of the register that is not revoked.
        toml: Its whole `box.toml`.
        confirm_s: How long the box tries to reach the centre with it before it reverts, in seconds, 2 to 3,600.
        version: Its version; None is the last one and one more.

    Raises:
        NameRefusedError: The register does not know the device.
        RefusedError: It is revoked, or the configuration is none for it or too large.
        ProvisioningError: The folder or the signing key cannot be used.
    """
    _check(authority, device, toml)
    with locked(authority.folder):
        path = envelope_file(authority, device)
        last = _last_version(path) if path.exists() else 0
        number = last + 1 if version is None else version
        if number <= last:
            raise RefusedError(f"version {number} is not newer than {last}", "leave --version out")
        content = PushedConfig(toml=toml, confirm_s=confirm_s).model_dump()
        document = Document(device=device, kind="config", version=number, issued_at_ns=time.time_ns(), content=content)
        try:
            envelope = authority.sign(document)
        except ValueError as error:
            raise RefusedError(f"{device}: {error}", "make the configuration smaller") from None
        make_folder(path.parent)
        write_private(path, envelope, overwrite=True)
    return number, envelope


def last_config(authority: Authority, device: str) -> tuple[int, bytes]:
    """Return the version and envelope of the last configuration that was signed for a device.

    Raises:
        UnusableError: There is none.
    """
    path = envelope_file(authority, device)
    if not path.exists():
        raise UnusableError(f"{path}: no such file", f"sign one first: siaga provision push-config {device} box.toml")
    return _last_version(path), read_file(path)


def centre_endpoint(authority: Authority, *, host: str | None = None, port: int | None = None) -> Endpoint:
    """Return the telemetry broker as the account `provisioning` sees it.

    Args:
        authority: In whose folder the broker was rendered.
        host: Where it is; None is the address it listens on for the centre.
        port: Its port for the centre; None is that of `brokers/telemetry/broker.toml`.

    Raises:
        ConfigError: The account's password or the roots cannot be used, or `broker.toml` is wrong.
    """
    broker = load_broker(authority.folder, "telemetry")
    credentials = load_credentials(
        source=str(authority.folder),
        table=SERVICE,
        ca=authority.trust,
        username=account(SERVICE).username,
        password_file=password_file(authority.folder, SERVICE),
    )
    return Endpoint(host or broker.centre_bind or "127.0.0.1", port or broker.centre_port, credentials)


async def publish_config(
    endpoint: Endpoint, device: str, envelope: bytes, *, wait_s: float, told: Callable[[ConfigReply], None]
) -> ConfigReply | None:
    """Publish an envelope, retained, and return what the box made of it in the end; None when it did not say in time.

    Args:
        endpoint: The telemetry broker.
        device: Whom it is for.
        envelope: What `sign_config` returned.
        wait_s: How long to wait for the box, in seconds; 0 does not.
        told: Called with each reply of the box about this envelope.

    Raises:
        UnusableError: The broker cannot be reached, or refuses it.
    """
    name = hashlib.sha256(envelope).hexdigest()
    ended: asyncio.Future[ConfigReply] = asyncio.get_running_loop().create_future()

    def hear(topic: str, body: bytes, retained: bool) -> None:
        with contextlib.suppress(BodyError):
            reply = decode(ConfigReply, body)
            if reply.body_sha256 == name and reply.device == device and not ended.done():
                told(reply)
                if reply.outcome != "trial":
                    ended.set_result(reply)

    session = Session(endpoint, account(SERVICE).username, subscriptions=(topics.reply(device),), on_message=hear)
    running = asyncio.create_task(session.run(), name="session")
    try:
        try:
            async with asyncio.timeout(CONNECT_S):
                await session.wait_connected()
            await session.publish(topics.config(device), envelope, retain=True, allow_no_subscriber=True)
        except (TimeoutError, NotConnectedError, PublishTimeoutError, PublishRefusedError) as error:
            why = session.fault or str(error) or f"no connection within {CONNECT_S:g} s"
            raise UnusableError(f"{endpoint}: {why}", "nothing was lost: run the same without FILE") from None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                return await ended
        return None
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _check(authority: Authority, device: str, toml: str) -> None:
    register = authority.register
    if device not in register.current("device"):
        raise NameRefusedError(f"no device {device} is in the register", "siaga provision ca show lists all")
    if device in register.revoked:
        raise RefusedError(f"{device} is revoked", f"if that is over: siaga provision restore {device}")
    try:
        named = tomllib.loads(toml).get("device")
    except tomllib.TOMLDecodeError as error:
        raise RefusedError(f"not TOML: {error}", "siaga edge check-config tells every mistake") from None
    if named != device:
        raise RefusedError(f"the configuration is for {named!r}, not for {device!r}", "is it the right file?")


def _last_version(path: Path) -> int:
    try:
        return Envelope.model_validate(json.loads(read_file(path))).document.version
    except ValueError:
        raise UnusableError(f"{path}: damaged", "remove it and give --version above the box's") from None
