"""What an authority stands at: each certificate that counts, and what should be done about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from cryptography import x509

from provisioning import certificates as x
from provisioning.authority import DEVICE_DAYS, Authority
from provisioning.files import read_file
from provisioning.register import WARNED, Certificate, Kind, Register, days_left

AUTHORITY_WARNED: Final = timedelta(days=DEVICE_DAYS) + WARNED
"""From how long before its end an authority is to be replaced: soon it could not sign a device for the full time."""

State = Literal["valid", "expiring", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class Line:
    """A device's or broker's certificate: its state, whether the old authority signed it, what to do (or nothing)."""

    kind: Kind
    name: str
    serial: str
    not_after: datetime
    days_left: int
    state: State
    old_authority: bool
    remark: str


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it; `warnings` is what somebody has to do something about, one sentence each."""

    root: str
    root_not_after: datetime
    root_key: Literal["elsewhere", "here", "here, encrypted"]
    issuing: str
    issuing_not_after: datetime
    rotation_begun_at: datetime | None
    certificates: tuple[Line, ...]
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON value; times as RFC 3339."""
        return {key: _json(value) for key, value in asdict(self).items()}


def overview(authority: Authority) -> Overview:
    """Return what an authority stands at now.

    Raises:
        ProvisioningError: Its folder cannot be used, or the clock cannot be right.
    """
    register, now = authority.register, authority.now()
    root = x.load(read_file(authority.folder / authority.ROOT), source=str(authority.folder / authority.ROOT))[0]
    issuing_file = authority.folder / authority.ISSUING
    issuing = x.load(read_file(issuing_file), source=str(issuing_file))[0]
    lines = tuple(_line(register, entry, now) for entry in _counting(register))
    warnings = [f"{line.kind} {line.name}: {line.remark}" for line in lines if line.remark and line.state != "revoked"]
    end = min(root.not_valid_after_utc, issuing.not_valid_after_utc)
    if end - now <= AUTHORITY_WARNED:
        warnings.insert(0, f"the authority expires in {days_left(end, now)} days; siaga provision ca rotate begin")
    return Overview(
        root=_name(root),
        root_not_after=root.not_valid_after_utc,
        root_key=_root_key(authority),
        issuing=_name(issuing),
        issuing_not_after=issuing.not_valid_after_utc,
        rotation_begun_at=register.rotation.begun_at if register.rotation else None,
        certificates=lines,
        warnings=tuple(warnings),
    )


def due(authority: Authority) -> list[str]:
    """Return the devices to renew: those that expired or will within 30 days, or descend from an old root.

    A revoked device is none of them. A broker is not either: a box must trust the new root before its broker shows it.
    """
    return [
        line.name
        for line in overview(authority).certificates
        if line.kind == "device" and (line.state in ("expiring", "expired") or (line.state == "valid" and line.remark))
    ]


def _counting(register: Register) -> list[Certificate]:
    brokers, devices = register.current("broker"), register.current("device")
    return [*(brokers[name] for name in sorted(brokers)), *(devices[name] for name in sorted(devices))]


def _line(register: Register, entry: Certificate, now: datetime) -> Line:
    left = days_left(entry.not_after, now)
    revocation = register.revoked.get(entry.name) if entry.kind == "device" else None
    old = register.rotation is not None and entry.root == register.rotation.old_root
    state: State = "valid"
    remarks = []
    if revocation is not None:
        state = "revoked"
        remarks.append(f"revoked {revocation.revoked_at:%Y-%m-%d}: {revocation.reason}")
    elif entry.not_after <= now:
        state = "expired"
        remarks.append(f"expired on {entry.not_after:%Y-%m-%d}")
    elif entry.not_after - now <= WARNED:
        state = "expiring"
        remarks.append(f"expires in {left} days")
    if old:
        remarks.append("signed by the old authority")
    return Line(
        kind=entry.kind,
        name=entry.name,
        serial=entry.serial,
        not_after=entry.not_after,
        days_left=left,
        state=state,
        old_authority=old,
        remark=", ".join(remarks),
    )


def _root_key(authority: Authority) -> Literal["elsewhere", "here", "here, encrypted"]:
    if not authority.root_key.exists():
        return "elsewhere"
    return "here, encrypted" if b"ENCRYPTED" in read_file(authority.root_key) else "here"


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string().removeprefix("CN=")


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, dict):
        return {key: _json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(each) for each in value]
    return value
