"""What is where in an authority's folder."""

from __future__ import annotations

from pathlib import Path

from contract.topics import Lane


class Layout:
    """The paths of an authority's folder; whether anything is there is another question.

    The names in capitals are relative to `folder`, as `provisioning.files.write_files` takes them.
    """

    REGISTER = "authority.json"
    ROOT_KEY = "root.key"
    ROOT = "root.pem"
    ISSUING_KEY = "issuing.key"
    ISSUING = "issuing.pem"
    SIGNING_KEY = "signing.key"
    SIGNING = "signing.pub"
    TRUST = "trust.pem"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def register_file(self) -> Path:
        """The register: what was signed, who is shut out."""
        return self.folder / self.REGISTER

    @property
    def root_key(self) -> Path:
        """The root's key; may be kept elsewhere until the issuing authority is renewed."""
        return self.folder / self.ROOT_KEY

    @property
    def trust(self) -> Path:
        """The roots that boxes, services and brokers trust: one, or two during a rotation."""
        return self.folder / self.TRUST

    @property
    def signing_public(self) -> Path:
        """The public keys that signed documents are verified by: one, or two during a rotation."""
        return self.folder / self.SIGNING

    @property
    def accounts(self) -> Path:
        """The folder of the passwords of the centre's services."""
        return self.folder / "accounts"

    def device_folder(self, name: str) -> Path:
        """Return the folder of a device's key and certificate."""
        return self.folder / "devices" / name

    def device_key(self, name: str) -> Path:
        """Return the file of a device's key."""
        return self.device_folder(name) / f"{name}.key"

    def device_certificate(self, name: str) -> Path:
        """Return the file of a device's certificate, followed by the issuing authority's."""
        return self.device_folder(name) / f"{name}.pem"

    def broker_folder(self, lane: Lane) -> Path:
        """Return the folder of a lane's broker."""
        return self.folder / "brokers" / lane

    def broker_key(self, lane: Lane) -> Path:
        """Return the file of a broker's key."""
        return self.broker_folder(lane) / "broker.key"

    def broker_certificate(self, lane: Lane) -> Path:
        """Return the file of a broker's certificate, followed by the issuing authority's."""
        return self.broker_folder(lane) / "broker.pem"

    @staticmethod
    def old(name: str) -> str:
        """Return where one of the names in capitals is kept during a rotation."""
        return f"old/{name}"
