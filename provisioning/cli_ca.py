"""`siaga provision ca …`: the authority that signs certificates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from provisioning.cli_common import Folder, Force, PassPhraseFile, read_pass_phrase, tell_brokers, told

if TYPE_CHECKING:
    from provisioning.authority import Issued
    from provisioning.authority_overview import Overview

app = typer.Typer(help="The authority that signs certificates.", no_args_is_help=True)
issue_app = typer.Typer(help="Make keys and sign their certificates.", no_args_is_help=True)
renew_app = typer.Typer(help="Sign new certificates for what has one, also when it expired.", no_args_is_help=True)
rotate_app = typer.Typer(help="From one authority to the next, both trusted in between.", no_args_is_help=True)
app.add_typer(issue_app, name="issue")
app.add_typer(renew_app, name="renew")
app.add_typer(rotate_app, name="rotate")

Days = Annotated[int | None, typer.Option("--days", help="How long it is valid.", show_default=False)]
NewKey = Annotated[bool, typer.Option("--new-key", help="Make a new key too.")]


@app.command(epilog="Example: siaga provision ca init --folder /srv/siaga-ca --pass-phrase-file phrase.txt")
def init(folder: Folder, pass_phrase_file: PassPhraseFile = None, force: Force = False) -> None:
    """Make a new authority: a root, an issuing authority, a key for signed documents."""
    with told():
        from provisioning.authority import Authority

        authority = Authority.init(folder, pass_phrase=read_pass_phrase(pass_phrase_file), force=force)
        print(f"trusted by all: {authority.trust}")
        print(f"keep it away from here until `renew issuing`: {authority.root_key}")


@issue_app.command("device", epilog="Example: siaga provision ca issue device box-1 box-2 --folder /srv/siaga-ca")
def issue_device(
    names: Annotated[list[str], typer.Argument(help="The devices.", metavar="DEVICE…")],
    folder: Folder,
    days: Days = None,
    force: Force = False,
) -> None:
    """Make the keys and certificates of devices, all of them or none; valid 1095 days unless told, at least 730."""
    with told():
        from provisioning.authority import DEVICE_DAYS, Authority

        length = DEVICE_DAYS if days is None else days
        for issued in Authority.open(folder).issue_devices(names, days=length, force=force):
            _print_issued(issued)


@issue_app.command(
    "broker", epilog="Example: siaga provision ca issue broker alarm --host alarm.example --folder /srv/siaga-ca"
)
def issue_broker(
    lane: Annotated[str, typer.Argument(help="alarm or telemetry.")],
    folder: Folder,
    host: Annotated[list[str], typer.Option("--host", help="A DNS name or IP address of it; may be repeated.")],
    days: Days = None,
    force: Force = False,
) -> None:
    """Make a broker's key and certificate; valid from 1970, for 1825 days unless told."""
    with told():
        from provisioning.authority import BROKER_DAYS, Authority
        from provisioning.authority_issuer import check_lane

        length = BROKER_DAYS if days is None else days
        _print_issued(Authority.open(folder).issue_broker(check_lane(lane), host, days=length, force=force))


@renew_app.command("device", epilog="Example: siaga provision ca renew device --due --folder /srv/siaga-ca")
def renew_device(
    folder: Folder,
    names: Annotated[list[str] | None, typer.Argument(help="The devices.", metavar="DEVICE…")] = None,
    due: Annotated[
        bool, typer.Option("--due", help="All that expired or will in 30 days, or that an old authority signed.")
    ] = False,
    days: Days = None,
    new_key: NewKey = False,
) -> None:
    """Sign new certificates for devices; the key stays, so only the certificate has to travel."""
    with told():
        from provisioning.authority import Authority
        from provisioning.authority_overview import due as due_devices
        from provisioning.errors import RefusedError

        authority = Authority.open(folder)
        if bool(names) == due:
            raise RefusedError("no device named" if not due else "devices named and --due", "give names, or --due")
        for name in names or due_devices(authority):
            _print_issued(authority.renew(name, days=days, new_key=new_key))


@renew_app.command("broker", epilog="Example: siaga provision ca renew broker alarm --folder /srv/siaga-ca")
def renew_broker(
    lane: Annotated[str, typer.Argument(help="alarm or telemetry.")],
    folder: Folder,
    days: Days = None,
    new_key: NewKey = False,
) -> None:
    """Sign a new certificate for a broker. During a rotation: once every box has the new trust.pem."""
    with told():
        from provisioning.authority import Authority

        _print_issued(Authority.open(folder).renew(lane, "broker", days=days, new_key=new_key))
        tell_brokers(folder)


@renew_app.command("issuing", epilog="Example: siaga provision ca renew issuing --folder /srv/siaga-ca")
def renew_issuing(folder: Folder, pass_phrase_file: PassPhraseFile = None) -> None:
    """Let the root sign a new issuing authority; needs root.key, and changes nothing for any box."""
    with told():
        from provisioning.authority import Authority

        Authority.open(folder).renew_issuing(read_pass_phrase(pass_phrase_file))
        print("what was signed stays valid; from now on the new issuing authority signs")


@rotate_app.command("begin", epilog="Example: siaga provision ca rotate begin --folder /srv/siaga-ca")
def rotate_begin(folder: Folder, pass_phrase_file: PassPhraseFile = None) -> None:
    """Make a new authority beside the old one, and trust both."""
    with told():
        from provisioning.authority import Authority
        from provisioning.authority_rotation import begin_rotation

        authority = Authority.open(folder)
        begin_rotation(authority, read_pass_phrase(pass_phrase_file))
        print(
            f"1. give {authority.trust} to every broker, service and box, and {authority.signing_public} to every box"
        )
        print("2. siaga provision ca renew device --due")
        print("3. siaga provision ca renew broker alarm, then telemetry")
        print("4. siaga provision ca rotate finish")


@rotate_app.command("finish", epilog="Example: siaga provision ca rotate finish --folder /srv/siaga-ca")
def rotate_finish(
    folder: Folder,
    force: Annotated[bool, typer.Option("--force", help="Leave outside what the old authority signed.")] = False,
) -> None:
    """Trust the new authority only; refused while the old one is in use."""
    with told():
        from provisioning.authority import Authority
        from provisioning.authority_rotation import finish_rotation

        authority = Authority.open(folder)
        finish_rotation(authority, force=force)
        tell_brokers(folder)
        print(f"give {authority.trust} to every broker, service and box once more; nothing is in a hurry")


@app.command(epilog="Example: siaga provision ca show --folder /srv/siaga-ca --check")
def show(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 when something has to be done.")] = False,
) -> None:
    """Show what was signed, until when, who is revoked, and what has to be done; it warns 30 days before an end."""
    with told():
        from provisioning.authority import Authority
        from provisioning.authority_overview import overview

        found = overview(Authority.open(folder))
    if as_json:
        print(json.dumps(found.as_json(), indent=1))
    else:
        _print_overview(found)
    if check and found.warnings:
        raise typer.Exit(1)


def _print_issued(issued: Issued) -> None:
    entry = issued.entry
    print(f"{entry.kind} {entry.name}: {issued.certificate} until {entry.not_after:%Y-%m-%d}")


def _print_overview(found: Overview) -> None:
    print(f"root     {found.root}, until {found.root_not_after:%Y-%m-%d}, its key is {found.root_key}")
    print(f"issuing  {found.issuing}, until {found.issuing_not_after:%Y-%m-%d}")
    if found.rotation_begun_at is not None:
        left = sum(line.old_authority and line.state != "revoked" for line in found.certificates)
        print(f"rotation since {found.rotation_begun_at:%Y-%m-%d}: {left} still signed by the old authority")
    width = max((len(line.name) for line in found.certificates), default=0)
    for line in found.certificates:
        print(f"{line.kind:<8} {line.name:<{width}}  {line.not_after:%Y-%m-%d}  {line.remark}".rstrip())
    print("\n".join(f"! {warning}" for warning in found.warnings) or "nothing has to be done")
