"""`siaga system …`: the units of a machine, and the machines of a city."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The systemd units, and the machines of a city.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@app.command(epilog="Example: siaga system units --check")
def units(
    check: Annotated[bool, typer.Option("--check", help="Compare the folder, and ask systemd-analyze.")] = False,
    write: Annotated[Path | None, typer.Option(help="Write the units into this folder.")] = None,
    folder: Annotated[Path, typer.Option(help="The folder that --check compares.")] = Path("systemd"),
    as_json: AsJson = False,
) -> None:
    """List the units and how exposed each is, write them, or check them. Exit status of --check: 1 with any fault."""
    from siaga.system import exposure, files
    from siaga.system.unit import Service
    from siaga.system.units import UNITS

    with _told():
        if write is not None:
            changed = files.write(write, files.wanted())
            print(
                json.dumps({"written": changed}) if as_json else f"{write}: {', '.join(changed) or 'nothing to change'}"
            )
            return
        services = [unit for unit in UNITS if isinstance(unit, Service)]
        values = exposure.exposures(services)
        faults = []
        if check:
            faults = [*files.differing(folder, files.wanted()), *exposure.unsound(UNITS)]
            faults += [
                f"{one.file}: exposed by {values[one.file]}, and {one.most_exposed} is the most"
                for one in services
                if values[one.file] > one.most_exposed
            ]
    if as_json:
        told = [
            {"unit": one.file, "user": one.user, "exposure": values[one.file], "most": one.most_exposed,
             "why": one.exposed_why, "opened": {key: how.why for key, how in one.opened.items()}}
            for one in services
        ]  # fmt: skip
        print(json.dumps({"units": told, "faults": faults}, ensure_ascii=False))
    else:
        for one in services:
            more = f"  ({one.exposed_why})" if one.exposed_why else ""
            print(f"{values[one.file]:>4}  {one.file:<28} {one.user}{more}")
        for line in faults:
            print(line, file=sys.stderr)
        if faults:
            print("siaga system units --write systemd writes them anew", file=sys.stderr)
    raise typer.Exit(bool(faults))


@app.command(epilog="Example: siaga system inventory siaga.toml --json")
def inventory(
    file: Annotated[Path, typer.Argument(help="The city's machines.", envvar="SIAGA_CITY")] = Path("siaga.toml"),
    as_json: Annotated[bool, typer.Option("--json", help="As Ansible asks for it.")] = False,
) -> None:
    """Check siaga.toml and say which machines the city has."""
    from siaga.system.city import ansible_inventory, load_city

    with _told():
        city = load_city(file)
        if as_json:
            print(json.dumps(ansible_inventory(city, file.resolve().parent), ensure_ascii=False))
            return
        for where, machine in city.machines():
            place = machine.address if machine.port == 22 else f"{machine.address} port {machine.port}"
            print(f"{where[0]:<8} {machine.name:<24} {machine.arch:<8} {machine.user or city.user}@{place}")


@contextmanager
def _told() -> Iterator[None]:
    """Turn an error of ours into one line on stderr and its exit status: 78 for a file to be mended first, else 1."""
    from contract.errors import EX_CONFIG, ConfigError, SiagaError

    try:
        yield
    except ConfigError as error:
        print(f"siaga system: {error}", file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None
    except SiagaError as error:
        print(f"siaga system: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except OSError as error:
        print(f"siaga system: {error.filename}: {error.strerror}", file=sys.stderr)
        raise typer.Exit(1) from None
