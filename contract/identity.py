"""Names and numbers that identify things, and the rules they obey.

A name travels as an MQTT topic level, a certificate's common name, an MQTT user name and client id and an InfluxDB tag,
so it is restricted to what all of them take without quoting.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated

import uuid_utils
from pydantic import Field

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
"""A device, sensor, button or site: 1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen (RFC 1123 label)."""

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
StreamId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
EventId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
BodyHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def new_event_id() -> str:
    """Return a new UUIDv7 in lower-case text form (RFC 9562, 5.7)."""
    return str(uuid_utils.uuid7())


def new_stream_id() -> str:
    """Return a new stream id: 64 random bits as 16 hexadecimal digits."""
    return secrets.token_hex(8)


def body_hash(body: bytes) -> str:
    """Return the name of a body that cannot be decoded: its SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(body).hexdigest()
