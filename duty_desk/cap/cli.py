"""`siaga desk export-cap`: incidents of the ledger as CAP 1.2 messages, a file each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from duty_desk.ledger.cli import Config, audit_export, check_up_to_date, fail, load, moment, progress, read_errors


def register(app: typer.Typer) -> None:
    """Add the command to the desk's."""
    app.command("export-cap", epilog="Example: siaga desk export-cap --from 2026-11-01 --out cap --config desk.toml")(
        export_cap
    )


def export_cap(
    config: Config,
    out: Annotated[Path, typer.Option(help="The folder they are written into; made when missing.", show_default=False)],
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", help="ISO 8601, opened from then on; the city's zone unless it has an offset.", show_default=False
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="ISO 8601, opened before then; the city's zone unless it has an offset.", show_default=False),
    ] = None,
) -> None:
    """Write each stage of each incident as a CAP 1.2 message, INCIDENT.NUMBER.xml.

    A message is the same whenever it is written. No name, no note and no caller's address is in any. That it was done
    is written down in the ledger.
    """
    from duty_desk.cap.message import alert, identifier
    from duty_desk.ledger.export import incidents
    from duty_desk.ledger.tables import open_reader
    from duty_desk.web.cap_api import OFF
    from duty_desk.web.cap_cases import past_case
    from duty_desk.web.view import Places

    desk = load(config)
    if desk.settings.cap is None:
        raise fail(f"{config}: {OFF}")
    sender, places = desk.settings.cap.told_by, Places(desk.inventory)
    zone = desk.settings.duty.zone
    from_ns, to_ns = moment("--from", from_, zone), moment("--to", to, zone)
    audit_export(desk.ledger, "cap")
    told, written = progress("messages written"), 0
    with read_errors(desk.ledger), open_reader(desk.ledger).connect() as connection:
        check_up_to_date(connection, desk.ledger)
        for found in incidents(connection, from_ns=from_ns, to_ns=to_ns):
            case = past_case(found, places)
            for number in range(1, len(case.stages) + 1):
                _write(out / f"{identifier(case, number)}.xml", alert(case, number, sender))
                written += 1
                told(written)
    print(f"{out}: {written} messages")


def _write(file: Path, body: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    except OSError as error:
        raise fail(f"{file}: cannot be written: {error.strerror}") from None
