"""The register: every certificate the authority signed, and every device that was shut out. No I/O.

It is the file `authority.json`. Of several certificates of one name the last one counts; the earlier ones stay in the
list, because whoever holds their key can still use them until they expire. Nothing is ever removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.errors import BodyError
from contract.messages import first_fault, parse_json
from provisioning.errors import UnusableError

WARNED = timedelta(days=30)
"""From how long before its end a certificate is told as one to renew."""
MAX_BYTES = 64 * 1024 * 1024

Kind = Literal["device", "broker"]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]+$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Certificate(_Entry):
    """One certificate that was signed.

    `root` is the SHA-256 of the root it descends from, `serial` and `sha256` are hexadecimal, `hosts` are a broker's.
    """

    kind: Kind
    name: str
    serial: Hex
    sha256: Hex
    root: Hex
    issued_at: datetime
    not_after: datetime
    hosts: tuple[str, ...] = ()


class Revocation(_Entry):
    """A device was shut out; it is until `restored_at` is set."""

    device: str
    reason: str
    revoked_at: datetime
    restored_at: datetime | None = None


class Rotation(_Entry):
    """A rotation that was begun; `old_root` is the SHA-256 of the root that goes."""

    begun_at: datetime
    old_root: Hex


class Register(_Entry):
    """Everything the authority did, in order."""

    format: Literal[1] = 1
    certificates: tuple[Certificate, ...] = ()
    revocations: tuple[Revocation, ...] = ()
    rotation: Rotation | None = None

    @property
    def revoked(self) -> dict[str, Revocation]:
        """The devices that are shut out."""
        return {each.device: each for each in self.revocations if each.restored_at is None}

    def current(self, kind: Kind) -> dict[str, Certificate]:
        """Return the certificate that counts of each device or broker, by name."""
        return {each.name: each for each in self.certificates if each.kind == kind}

    def live(self, now: datetime) -> list[Certificate]:
        """Return the certificates that count, but for those that expired or whose device is revoked."""
        revoked = self.revoked
        return [
            each
            for each in (*self.current("broker").values(), *self.current("device").values())
            if each.not_after > now and not (each.kind == "device" and each.name in revoked)
        ]

    def last_issued_at(self) -> datetime | None:
        """Return when the last certificate was signed, or None when there is none."""
        return max((each.issued_at for each in self.certificates), default=None)

    def with_certificates(self, new: Iterable[Certificate]) -> Register:
        """Return the register with more certificates."""
        return self.model_copy(update={"certificates": (*self.certificates, *new)})

    def with_revoked(self, device: str, reason: str, now: datetime) -> Register:
        """Return the register with a device shut out; one that is already stays as it was recorded."""
        if device in self.revoked:
            return self
        new = Revocation(device=device, reason=reason, revoked_at=now)
        return self.model_copy(update={"revocations": (*self.revocations, new)})

    def with_restored(self, device: str, now: datetime) -> Register:
        """Return the register with a device let in again."""
        ended = tuple(
            each.model_copy(update={"restored_at": now}) if each.device == device and each.restored_at is None else each
            for each in self.revocations
        )
        return self.model_copy(update={"revocations": ended})


def dump_register(register: Register) -> bytes:
    """Return a register as JSON that people can read."""
    return register.model_dump_json(indent=1, exclude_none=True).encode() + b"\n"


def load_register(body: bytes, *, source: str) -> Register:
    """Return the register of a file.

    Raises:
        UnusableError: It is damaged.
    """
    try:
        return Register.model_validate(parse_json(body, max_bytes=MAX_BYTES))
    except BodyError as error:
        what = f"{error.reason}: {error.detail}" if error.detail else error.reason
    except ValidationError as error:
        what = first_fault(error)
    raise UnusableError(f"{source}: damaged register ({what})", "restore it from a backup")


def days_left(not_after: datetime, now: datetime) -> int:
    """Return the whole days until an end, negative when it is past."""
    return (not_after - now) // timedelta(days=1)


def utc_now() -> datetime:
    """Return this machine's time, in whole seconds as certificates have them."""
    return datetime.now(UTC).replace(microsecond=0)
