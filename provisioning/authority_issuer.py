"""Signing one device or broker: the certificate, and what the register says of it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from contract.topics import Lane
from provisioning import certificates as x
from provisioning.authority_setup import AUTHORITY_DAYS
from provisioning.errors import NameRefusedError, RefusedError
from provisioning.register import Certificate

Files = dict[str, bytes | None]
"""What to write, or with None to remove, by path relative to the authority's folder."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate followed by its signer's as PEM, and its entry in the register."""

    pem: bytes
    entry: Certificate


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuing authority at work: who signs, the SHA-256 of the root it descends from, and the time."""

    issuing: x.Signer
    root: str
    now: datetime

    def device(self, name: str, public_key: ec.EllipticCurvePublicKey, days: int) -> Signed:
        """Sign a device.

        Raises:
            NameRefusedError: The name is no device name.
            RefusedError: The authority ends before.
        """
        certificate = x.sign_device(
            name, public_key, self.issuing, not_before=self.now - x.BACKDATED, not_after=self._end(days)
        )
        return Signed(self._chain(certificate), self._entry(certificate, kind="device", name=name))

    def broker(self, lane: Lane, hosts: list[str], public_key: ec.EllipticCurvePublicKey, days: int) -> Signed:
        """Sign a broker.

        Raises:
            NameRefusedError: A host is none.
            RefusedError: The authority ends before.
        """
        certificate = x.sign_broker(lane, hosts, public_key, self.issuing, not_after=self._end(days))
        entry = self._entry(certificate, kind="broker", name=lane, hosts=tuple(x.hosts_of(certificate)))
        return Signed(self._chain(certificate), entry)

    def _chain(self, certificate: x509.Certificate) -> bytes:
        return x.dump(certificate, self.issuing.certificate)

    def _end(self, days: int) -> datetime:
        try:
            not_after = self.now + timedelta(days=days)
        except OverflowError:
            raise RefusedError(f"{days} days are too many", f"give at most {AUTHORITY_DAYS}") from None
        last = self.issuing.certificate.not_valid_after_utc
        if not_after > last:
            raise RefusedError(
                f"{days} days from now is after the authority's own end, {last:%Y-%m-%d}",
                "give fewer --days, or begin a new authority: siaga provision ca rotate begin",
            )
        return not_after

    def _entry(self, certificate: x509.Certificate, **known: object) -> Certificate:
        return Certificate.model_validate(
            {
                "serial": f"{certificate.serial_number:040x}",
                "sha256": x.fingerprint(certificate),
                "root": self.root,
                "issued_at": self.now,
                "not_after": certificate.not_valid_after_utc,
            }
            | known
        )


def check_lane(lane: str) -> Lane:
    """Return a lane.

    Raises:
        NameRefusedError: It is none.
    """
    for known in get_args(Lane):
        if lane == known:
            checked: Lane = known
            return checked
    raise NameRefusedError(f"{lane[:60]!r} is no lane", f"one of {', '.join(get_args(Lane))}")
