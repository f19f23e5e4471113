"""`siaga provision …`: the authority, the brokers, and who is shut out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provisioning.brokers.cli import app as broker_app
from provisioning.cli_ca import app as ca_app
from provisioning.cli_command_key import app as command_key_app
from provisioning.cli_common import Folder, tell_brokers, told

app = typer.Typer(help="Certificates, broker access, revocation.", no_args_is_help=True)
app.add_typer(ca_app, name="ca")
app.add_typer(broker_app, name="broker")
app.add_typer(command_key_app, name="command-key")

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


@app.command(epilog="Example: siaga provision push-config box-7 box.toml --folder /srv/siaga-ca")
def push_config(
    device: Device,
    folder: Folder,
    file: Annotated[
        Path | None, typer.Argument(help="Its whole box.toml; without it, what was signed last is published again.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The telemetry broker's address for the centre.")] = None,
    port: Annotated[int | None, typer.Option(help="Its port for the centre.")] = None,
    confirm_s: Annotated[
        int, typer.Option(min=30, max=3_600, help="How long the box tries to reach the centre with it, in seconds.")
    ] = 180,
    version: Annotated[
        int | None, typer.Option(min=1, help="Its version; without it, the last one and one more.")
    ] = None,
    wait_s: Annotated[float, typer.Option(min=0, help="How long to wait for the box's word, in seconds.")] = 300.0,
) -> None:
    """Sign a box's configuration and publish it; the box tries it, and reverts unless it reaches the centre with it.

    Exit status: 0 confirmed (or published, with --wait-s 0), 1 refused or taken back, 3 the box said nothing in time.
    """
    import asyncio

    with told():
        from provisioning.authority import Authority
        from provisioning.config_push import centre_endpoint, last_config, publish_config, sign_config
        from provisioning.errors import RefusedError
        from provisioning.files import read_file

        authority = Authority.open(folder)
        endpoint = centre_endpoint(authority, host=host, port=port)
        if file is None:
            number, envelope = last_config(authority, device)
        else:
            toml = read_file(file).decode("utf-8", "replace")
            number, envelope = sign_config(authority, device, toml, confirm_s=confirm_s, version=version)
        print(f"{device}: version {number} is signed", flush=True)
        reply = asyncio.run(
            publish_config(
                endpoint,
                device,
                envelope,
                wait_s=wait_s,
                told=lambda one: print(f"{device}: version {number}: {one.outcome}", flush=True),
            )
        )
        if reply is None:
            print(f"{device}: published; it is taken when the box is there", flush=True)
            raise typer.Exit(3 if wait_s else 0)
        if reply.outcome != "confirmed":
            raise RefusedError(f"{device}: {reply.outcome}: {reply.reason}", reply.detail or "")
