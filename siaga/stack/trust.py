"""An authority for the servers and clients of one machine: the demo's, a test's or a benchmark's.

It is the product's own authority in a folder; here are only the short cuts to what a stack needs of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from contract.topics import Lane
from link.dial import Endpoint
from link.trust import load_credentials
from provisioning.authority import Authority
from provisioning.brokers.apply import SETTINGS, Rendered
from provisioning.brokers.apply import render_broker as render
from provisioning.brokers.model import account
from provisioning.brokers.placing import place, this_user
from provisioning.command_keys import desk_key_file, make_command_key, public_file

HOST = "127.0.0.1"
_HOSTS = (HOST, "localhost")
_PLACE = {"device_bind": HOST, "centre_bind": HOST}


class Trust:
    """An authority in a folder, made when it is not there.

    Args:
        folder: Its folder.
    """

    def __init__(self, folder: Path) -> None:
        made = (folder / Authority.REGISTER).exists()
        self.authority = Authority.open(folder) if made else Authority.init(folder)

    @property
    def folder(self) -> Path:
        """The authority's folder."""
        return self.authority.folder

    def command_keys(self) -> tuple[Path, Path]:
        """Return the desk's command key, made when there is none, and the public keys that boxes trust."""
        make_command_key(self.authority)
        return desk_key_file(self.folder), public_file(self.folder)

    def issue_devices(self, names: Iterable[str]) -> None:
        """Make keys and certificates for the devices that have none, in one step."""
        known = self.authority.register.current("device")
        new = [name for name in names if name not in known]
        if new:
            self.authority.issue_devices(new)

    def render_broker(
        self, lane: Lane, *, device_port: int, centre_port: int, limits: Mapping[str, int] | None = None
    ) -> Rendered:
        """Write a lane's broker's files; it listens on 127.0.0.1 only and stays the user that starts it."""
        if lane not in self.authority.register.current("broker"):
            self.authority.issue_broker(lane, _HOSTS)
        # In its own file, so that the operator's commands on this folder find it as it is.
        settings = [f"device_port = {device_port}", f"centre_port = {centre_port}"]
        settings += [f'{key} = "{text}"' for key, text in _PLACE.items()]
        settings += [f'user = "{this_user()}"', "[limits]"]
        settings += [f"{name} = {limit}" for name, limit in (limits or {}).items()]
        place(self.authority.broker_folder(lane), {SETTINGS: "\n".join([*settings, ""])}, this_user())
        return render(self.folder, lane, revoked=self.authority.revoked)

    def device(self, name: str, port: int) -> Endpoint:
        """Return a broker as a device sees it; the device's certificate is made when it has none."""
        self.issue_devices([name])
        return Endpoint(
            HOST,
            port,
            load_credentials(
                source="stack",
                table=name,
                ca=self.authority.trust,
                certificate=self.authority.device_certificate(name),
                key=self.authority.device_key(name),
            ),
        )

    def service(self, name: str, port: int) -> Endpoint:
        """Return a broker as one of the centre's services sees it."""
        credentials = load_credentials(
            source="stack",
            table=name,
            ca=self.authority.trust,
            username=account(name).username,
            password_file=self.authority.accounts / f"{name}.password",
        )
        return Endpoint(HOST, port, credentials)
