"""What an authority is made of: the files of a new one, and the times it believes. No I/O."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from provisioning import certificates as x
from provisioning.authority_layout import Layout
from provisioning.errors import ClockError

AUTHORITY_DAYS: Final = 20 * 365
EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""This software is younger than any clock before it can be right."""
CLOCK_SLACK: Final = timedelta(days=1)

_CLOCK_HINT: Final = "set the clock: timedatectl set-ntp true"


def checked_time(now: datetime, last_issued_at: datetime | None = None) -> datetime:
    """Return a time, in whole seconds.

    Raises:
        ClockError: It is before 2026, or more than a day before the last certificate was signed.
    """
    if now < EARLIEST:
        raise ClockError(f"this machine's clock says {now:%Y-%m-%d %H:%M}, which cannot be", _CLOCK_HINT)
    if last_issued_at is not None and now < last_issued_at - CLOCK_SLACK:
        raise ClockError(
            f"this machine's clock says {now:%Y-%m-%d %H:%M}, but a certificate was signed at "
            f"{last_issued_at:%Y-%m-%d %H:%M}",
            _CLOCK_HINT,
        )
    return now.replace(microsecond=0)


def new_authority(now: datetime, pass_phrase: bytes | None) -> dict[str, bytes | None]:
    """Return the files of a new authority, but for the register."""
    # A name of its own, so that a chain is never looked for under another root of the same name.
    root = x.new_root(f"siaga root {now:%Y-%m-%d} {secrets.token_hex(4)}", now + timedelta(days=AUTHORITY_DAYS))
    signing = ed25519.Ed25519PrivateKey.generate()
    return issuing_files(root, now) | {
        Layout.ROOT_KEY: x.dump_key(root.key, pass_phrase),
        Layout.ROOT: x.dump(root.certificate),
        Layout.TRUST: x.dump(root.certificate),
        Layout.SIGNING_KEY: signing.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        Layout.SIGNING: signing.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    }


def issuing_files(root: x.Signer, now: datetime) -> dict[str, bytes | None]:
    """Return the files of a new issuing authority, which ends with its root."""
    name = f"siaga issuing {now:%Y-%m-%d} {secrets.token_hex(4)}"
    issuing = x.new_issuing(name, root, root.certificate.not_valid_after_utc)
    return {Layout.ISSUING_KEY: x.dump_key(issuing.key), Layout.ISSUING: x.dump(issuing.certificate)}
