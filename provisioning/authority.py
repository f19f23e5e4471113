"""The authority: it signs devices and brokers, renews them, and keeps the book of it.

Rules:
- The root signs the issuing authority, and nothing else; its key may lie in a safe. The issuing authority signs devices
  and brokers. Only roots are trusted (`trust.pem`), so an issuing authority is renewed without touching a box.
- What was signed is in the register, in the same step as the files: neither is ever there without the other.
- Nothing is overwritten without `force`. Everything that writes holds the folder's lock.
- A certificate that expired is renewed like any other; that of a revoked device never is.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric import ec

from contract.signed import Document, load_signing_key, sign
from contract.topics import Lane
from provisioning import authority_setup as setup
from provisioning import certificates as x
from provisioning.authority_issuer import Files, Issuer, Signed, check_lane
from provisioning.authority_layout import Layout
from provisioning.errors import ExistsError, KeyFileError, NameRefusedError, RefusedError, RevokedError, UnusableError
from provisioning.files import locked, make_folder, read_file, read_private, recover, write_files
from provisioning.register import Certificate, Kind, Register, dump_register, load_register, utc_now

DEVICE_DAYS: Final = 3 * 365
MIN_DEVICE_DAYS: Final = 2 * 365
"""A device that was stored, or cut off, for two years still gets through."""
BROKER_DAYS: Final = 5 * 365

_MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class Issued:
    """Where a certificate and its key are, and what the register says of it."""

    key: Path
    certificate: Path
    entry: Certificate


class Authority(Layout):
    """An authority in a folder. It keeps nothing in memory: each call reads what it needs, under the folder's lock.

    Args:
        folder: Its folder.
        clock: Gives the time, in UTC.
    """

    def __init__(self, folder: Path, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__(folder)
        self._clock = clock

    @classmethod
    def init(
        cls,
        folder: Path,
        *,
        pass_phrase: bytes | None = None,
        force: bool = False,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Make a new authority: root, issuing authority, signing key, an empty register.

        Args:
            folder: Made for its owner only when it is not there.
            pass_phrase: Encrypts the root's key.
            force: Whether an authority that is there may be overwritten; every box would have to be visited.
            clock: Gives the time, in UTC.

        Raises:
            ExistsError: There is an authority.
            UnusableError: The folder is not writable, open to others, …
            ClockError: The clock cannot be right.
        """
        now = setup.checked_time(clock())
        make_folder(folder)
        if folder.stat().st_mode & 0o077:
            raise UnusableError(f"{folder}: open to others", f"run: chmod 700 {folder}")
        with locked(folder):
            recover(folder)
            files = setup.new_authority(now, pass_phrase)
            write_files(folder, files | {cls.REGISTER: dump_register(Register())}, overwrite=force)
        return cls(folder, clock)

    @classmethod
    def open(cls, folder: Path, *, clock: Callable[[], datetime] = utc_now) -> Self:
        """Open an authority, finishing what a process that died had begun.

        Raises:
            UnusableError: There is none, or it cannot be read.
        """
        with locked(folder):
            recover(folder)
        authority = cls(folder, clock)
        _ = authority.register
        return authority

    @property
    def register(self) -> Register:
        """What was signed and who is shut out, as it is on disk now.

        Raises:
            UnusableError: There is no authority here, or its register is damaged.
        """
        if not self.register_file.exists():
            raise UnusableError(
                f"{self.folder}: no authority here", f"make one: siaga provision ca init --folder {self.folder}"
            )
        return load_register(read_file(self.register_file), source=str(self.register_file))

    @property
    def revoked(self) -> frozenset[str]:
        """The devices that are shut out now."""
        return frozenset(self.register.revoked)

    def now(self) -> datetime:
        """Return the time, in UTC.

        Raises:
            ClockError: It cannot be right.
        """
        return setup.checked_time(self._clock(), self.register.last_issued_at())

    def issue_device(self, name: str, *, days: int = DEVICE_DAYS, force: bool = False) -> Issued:
        """Make a device's key and sign its certificate; see `issue_devices`."""
        return self.issue_devices([name], days=days, force=force)[0]

    def issue_devices(self, names: Sequence[str], *, days: int = DEVICE_DAYS, force: bool = False) -> list[Issued]:
        """Make the keys of devices and sign their certificates: all of them or none.

        Args:
            names: The devices, none of them revoked.
            days: How long they are valid, from 730.
            force: Whether a device that has a certificate gets a new one with a new key. The former stays valid: if it
                was stolen, revoke the device and give the new box another name.

        Raises:
            ProvisioningError: A name no device may have, one that has a certificate or is revoked, an authority that
                cannot be used; nothing was changed.
        """
        for name in names:
            x.check_device_name(name)
        if days < MIN_DEVICE_DAYS:
            raise RefusedError(f"{days} days are too few for a device", f"give at least {MIN_DEVICE_DAYS}")
        with self._changing() as register:
            issuer, known, seen = self._issuer(self.now()), register.current("device"), set[str]()
            files: Files = {}
            issued: list[Issued] = []
            for name in names:
                self._refuse_revoked(register, name)
                if name in seen or (name in known and not force):
                    raise ExistsError(f"{name} has a certificate", self._hint_exists(name))
                seen.add(name)
                key = x.new_key()
                issued.append(self._issued(issuer.device(name, key.public_key(), days), key, files))
            self._commit(register.with_certificates(each.entry for each in issued), files, force)
        return issued

    def issue_broker(self, lane: Lane, hosts: Sequence[str], *, days: int = BROKER_DAYS, force: bool = False) -> Issued:
        """Make a broker's key and sign its certificate.

        Args:
            lane: The lane it serves.
            hosts: Every DNS name and IP address that clients connect to.
            days: How long it is valid, from 1.
            force: Whether a broker that has a certificate gets a new one with a new key.

        Raises:
            ProvisioningError: As `issue_devices`.
        """
        check_lane(lane)
        if days < 1:
            raise RefusedError(f"{days} days are too few", "give at least 1")
        with self._changing() as register:
            if lane in register.current("broker") and not force:
                raise ExistsError(
                    f"the {lane} broker has a certificate",
                    f"renew it: siaga provision ca renew broker {lane}; --force makes a new key",
                )
            files: Files = {}
            key = x.new_key()
            signed = self._issuer(self.now()).broker(lane, list(hosts), key.public_key(), days)
            issued = self._issued(signed, key, files)
            self._commit(register.with_certificates([issued.entry]), files, force)
        return issued

    def renew(self, name: str, kind: Kind = "device", *, days: int | None = None, new_key: bool = False) -> Issued:
        """Sign a new certificate for a device or a broker, also when the former expired.

        Args:
            name: The device, or the broker's lane.
            kind: Which of both.
            days: How long it is valid; None for as long as a new one.
            new_key: Whether it gets a new key too; else only the certificate, which is no secret, has to travel.

        Raises:
            NameRefusedError: It has no certificate.
            RevokedError: The device is revoked.
            ProvisioningError: The files or the authority cannot be used; nothing was changed.
        """
        with self._changing() as register:
            issuer, entry = self._issuer(self.now()), self._known(register, name, kind)
            if kind == "device":
                self._refuse_revoked(register, name)
            public_key = self._public_key(register, entry)
            key = x.new_key() if new_key else None
            public_key = key.public_key() if key else public_key
            if kind == "device":
                signed = issuer.device(name, public_key, days or DEVICE_DAYS)
            else:
                signed = issuer.broker(check_lane(name), list(entry.hosts), public_key, days or BROKER_DAYS)
            files: Files = {}
            issued = self._issued(signed, key, files)
            self._commit(register.with_certificates([issued.entry]), files, force=True)
        return issued

    def revoke(self, device: str, reason: str) -> bool:
        """Record that a device is shut out; the brokers have to be told.

        Returns:
            False when it was already; what was recorded then stays.

        Raises:
            NameRefusedError: The register does not know it.
            RefusedError: The reason is empty, or longer than 200 characters.
        """
        if not 1 <= len(reason.strip()) <= _MAX_REASON or not reason.isprintable():
            raise RefusedError("no usable reason", f'give 1 to {_MAX_REASON} characters in one line: --reason "stolen"')
        with self._changing() as register:
            self._known(register, device, "device")
            changed = register.with_revoked(device, reason.strip(), self.now())
            self._commit(changed, {}, force=True)
        return changed is not register

    def restore(self, device: str) -> bool:
        """Record that a device is let in again; the brokers have to be told.

        Returns:
            False when it was not shut out.

        Raises:
            NameRefusedError: The register does not know it.
        """
        with self._changing() as register:
            self._known(register, device, "device")
            if device not in register.revoked:
                return False
            self._commit(register.with_restored(device, self.now()), {}, force=True)
        return True

    def renew_issuing(self, pass_phrase: bytes | None = None) -> None:
        """Let the root sign a new issuing authority; what the former signed stays valid.

        Raises:
            KeyFileError: The root's key is not here, not the root's, or the pass phrase is wrong.
        """
        with self._changing():
            now = self.now()
            root = self._signer(self.ROOT_KEY, self.ROOT, pass_phrase)
            write_files(self.folder, setup.issuing_files(root, now), overwrite=True)

    def sign(self, document: Document) -> bytes:
        """Return a document signed for a device, as it travels.

        During a rotation the old key signs, because every box knows it; the new one from the rotation's end.

        Raises:
            KeyFileError: The signing key cannot be used.
        """
        old = self.folder / self.old(self.SIGNING_KEY)
        path = old if old.exists() else self.folder / self.SIGNING_KEY
        try:
            key = load_signing_key(read_private(path))
        except ValueError as error:
            raise KeyFileError(f"{path}: {error}", "restore it from a backup") from None
        return sign(document, key)

    @contextmanager
    def _changing(self) -> Iterator[Register]:
        with locked(self.folder):
            recover(self.folder)
            yield self.register

    def _commit(self, register: Register, files: Files, force: bool) -> None:
        contents = files | {self.REGISTER: dump_register(register)}
        write_files(self.folder, contents, overwrite=force, always=frozenset({self.REGISTER}))

    def _issuer(self, now: datetime) -> Issuer:
        issuing = self._signer(self.ISSUING_KEY, self.ISSUING, None)
        path = self.folder / self.ROOT
        root = x.load(read_file(path), source=str(path))[0]
        if not x.is_signed_by(issuing.certificate, root):
            raise KeyFileError(f"{self.folder / self.ISSUING}: not signed by root.pem", "restore both from one backup")
        return Issuer(issuing, x.fingerprint(root), now)

    def _signer(self, key_name: str, name: str, pass_phrase: bytes | None) -> x.Signer:
        key_file, file = self.folder / key_name, self.folder / name
        certificate = x.load(read_file(file), source=str(file))[0]
        key = x.load_key(read_private(key_file), source=str(key_file), pass_phrase=pass_phrase)
        return x.check_pair(certificate, key, source=str(key_file))

    def _issued(self, signed: Signed, key: x.PrivateKey | None, files: Files) -> Issued:
        """Add a certificate, and its key if that is new, to the files to write."""
        key_file, certificate_file = self._files_of(signed.entry.name, signed.entry.kind)
        files[self._relative(certificate_file)] = signed.pem
        if key is not None:
            files[self._relative(key_file)] = x.dump_key(key)
        return Issued(key_file, certificate_file, signed.entry)

    def _public_key(self, register: Register, entry: Certificate) -> ec.EllipticCurvePublicKey:
        """Return the public key of the certificate that is there, once it is sure to be the one the register knows."""
        key_file, certificate_file = self._files_of(entry.name, entry.kind)
        certificate = x.load(read_file(certificate_file), source=str(certificate_file))[0]
        known = {each.sha256 for each in register.certificates if (each.kind, each.name) == (entry.kind, entry.name)}
        if x.fingerprint(certificate) not in known:
            raise KeyFileError(f"{certificate_file}: not a certificate of {entry.name}", "restore it from a backup")
        if key_file.exists():  # it may live on the box only
            key = x.load_key(read_private(key_file), source=str(key_file))
            x.check_pair(certificate, key, source=str(key_file))
        public_key = certificate.public_key()
        assert isinstance(public_key, ec.EllipticCurvePublicKey)  # the register knows it, so we made it
        return public_key

    def _known(self, register: Register, name: str, kind: Kind) -> Certificate:
        current = register.current(kind)
        if name in current:
            return current[name]
        if kind == "device":
            x.check_device_name(name)
        close = difflib.get_close_matches(name, current, n=3)
        hint = f"is it {' or '.join(close)}?" if close else f"siaga provision ca show --folder {self.folder} lists all"
        raise NameRefusedError(f"no {kind} {name} is in the register", hint)

    def _refuse_revoked(self, register: Register, name: str) -> None:
        revocation = register.revoked.get(name)
        if revocation is not None:
            raise RevokedError(
                f"{name} is revoked since {revocation.revoked_at:%Y-%m-%d} ({revocation.reason})",
                f"if that is over: siaga provision restore {name} --folder {self.folder}",
            )

    def _files_of(self, name: str, kind: Kind) -> tuple[Path, Path]:
        if kind == "device":
            return self.device_key(name), self.device_certificate(name)
        lane = check_lane(name)
        return self.broker_key(lane), self.broker_certificate(lane)

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self.folder))

    @staticmethod
    def _hint_exists(name: str) -> str:
        return f"renew it: siaga provision ca renew device {name}; --force makes a new key"
