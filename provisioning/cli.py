"""`siaga provision …`: the authority, the brokers, and who is shut out."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioning.brokers.cli import app as broker_app
from provisioning.cli_ca import app as ca_app
from provisioning.cli_common import Folder, tell_brokers, told

app = typer.Typer(help="Certificates, broker access, revocation.", no_args_is_help=True)
app.add_typer(ca_app, name="ca")
app.add_typer(broker_app, name="broker")

Device = Annotated[str, typer.Argument(help="The device.")]


@app.command(epilog='Example: siaga provision revoke box-7 --reason "stolen" --folder /srv/siaga-ca')
def revoke(
    device: Device, folder: Folder, reason: Annotated[str, typer.Option("--reason", help="Why, in one line.")]
) -> None:
    """Shut a device out: its account is denied on every broker, and a live session is silent at once."""
    with told():
        from provisioning.authority import Authority

        changed = Authority.open(folder).revoke(device, reason)
        print(f"{device} is revoked" if changed else f"{device} was revoked already")
        tell_brokers(folder)


@app.command(epilog="Example: siaga provision restore box-7 --folder /srv/siaga-ca")
def restore(device: Device, folder: Folder) -> None:
    """Let a revoked device in again, with the certificate it has."""
    with told():
        from provisioning.authority import Authority

        changed = Authority.open(folder).restore(device)
        print(f"{device} is restored" if changed else f"{device} was not revoked")
        tell_brokers(folder)
