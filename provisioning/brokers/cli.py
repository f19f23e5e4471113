"""`siaga provision broker`: render a broker's files, prove their rules, and bring running brokers up to date."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contract.topics import Lane

app = typer.Typer(help="The brokers' configuration and who may do what on them.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--folder", help="The authority's folder.")]


class LaneName(StrEnum):
    """A lane, as the command line takes it."""

    alarm = "alarm"
    telemetry = "telemetry"


OneLane = Annotated[LaneName | None, typer.Option("--lane", help="One broker only; both without it.")]


@app.callback()
def _room() -> None:
    """The brokers' configuration and who may do what on them."""


@app.command("render")
def render_command(
    folder: Folder,
    lane: OneLane = None,
    account: Annotated[
        list[str] | None, typer.Option(help="One more service, such as collector-2; may be given again.")
    ] = None,
) -> None:
    """Write mosquitto.conf, both ACLs and the passwords into brokers/LANE; services without a password get one.

    What differs from the defaults (ports, addresses, limits) is read from brokers/LANE/broker.toml.

    Example: siaga provision broker render --folder /srv/siaga-ca
    """
    with _told():
        from provisioning.authority import Authority
        from provisioning.brokers.accounts import ensure_password
        from provisioning.brokers.apply import render_broker
        from provisioning.brokers.model import account as service

        revoked = Authority.open(folder).revoked
        for name in account or []:
            ensure_password(folder, service(name).name)
        for one in _lanes(lane):
            files = render_broker(folder, one, revoked=revoked)
            typer.echo(f"{files.folder}: {_listed(files.changed)}")


@app.command()
def check(folder: Folder, lane: OneLane = None) -> None:
    """Start each rendered broker on the side, on free ports, and prove its rules; exits 1 at the first broken one.

    Example: siaga provision broker check --folder /srv/siaga-ca
    """
    with _told():
        from provisioning.brokers.check import check_broker, rendered, table

        every = [rendered(folder, one) for one in _lanes(lane)]
        results = [result for files in every for result in check_broker(files)]
    typer.echo(table(results))
    broken = [one for one in results if not one.holds]
    for one in broken:
        typer.echo(f"broken: {one.rule} on the {one.lane} broker: {one.detail}", err=True)
    if broken:
        raise typer.Exit(1)


@app.command("apply")
def apply_command(folder: Folder) -> None:
    """Bring the device ACLs and roots in step with the register, and tell the brokers that run here.

    Example: siaga provision broker apply --folder /srv/siaga-ca
    """
    with _told():
        from provisioning.authority import Authority
        from provisioning.brokers.apply import apply

        done = apply(folder, Authority.open(folder).revoked)
    for one in done:
        told = f"reloaded (pid {one.reloaded})" if one.reloaded is not None else "not running here"
        restart = "; restart it to take over the roots, and the other one only after that" if one.restart else ""
        typer.echo(f"{one.lane} broker: {_listed(one.changed)}; {told}{restart}")


def _lanes(lane: LaneName | None) -> tuple[Lane, ...]:
    from provisioning.brokers.model import LANES

    return LANES if lane is None else tuple(one for one in LANES if one == lane.value)


def _listed(changed: frozenset[str]) -> str:
    return f"wrote {', '.join(sorted(changed))}" if changed else "nothing to change"


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Print an error of ours as its one line, and exit with the status it has."""
    from contract.errors import EX_CONFIG, ConfigError
    from provisioning.brokers.model import AccountError
    from provisioning.errors import ProvisioningError

    try:
        yield
    except ProvisioningError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from None
    except (ConfigError, AccountError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EX_CONFIG) from None
