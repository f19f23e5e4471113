"""`siaga desk triage`: which buttons call for nothing too often, and what to do about each."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from duty_desk.ledger.cli import Config, check_up_to_date, load, read_errors

_DO = {
    "id": {"visit": "datangi", "teach": "beri penjelasan", "move": "pindahkan", None: "-"},
    "en": {"visit": "visit", "teach": "teach", "move": "move", None: "-"},
}
_HEAD = {
    "id": ("tombol", "tempat", "30 hari", "alarm palsu", "gangguan", "tindakan"),
    "en": ("button", "place", "30 days", "false alarms", "faults", "action"),
}


def register(app: typer.Typer) -> None:
    """Add the command to the desk's."""
    app.command(epilog="Example: siaga desk triage --config /etc/siaga/desk.toml --json")(triage)


def triage(
    config: Config,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the buttons of the last 30 days, the worst first, with what to do about each: visit, teach or move.

    Nothing of it holds a press back: the worst button rings as any other.
    """
    from duty_desk.ledger.tables import open_reader
    from duty_desk.triage.judge import judge
    from duty_desk.triage.query import cases
    from duty_desk.web.triage_api import button_view
    from duty_desk.web.view import Places

    desk = load(config)
    places, language, now_ns = Places(desk.inventory), desk.settings.language, time.time_ns()
    with read_errors(desk.ledger), open_reader(desk.ledger).connect() as connection:
        check_up_to_date(connection, desk.ledger)
        buttons = [
            button_view(one, places) for one in judge(cases(connection, now_ns, desk.settings.duty.zone), now_ns)
        ]
    if not as_json:
        print("{:<20} {:<40} {:>8} {:>12} {:>9}  {}".format(*_HEAD[language]))
    for button in buttons:
        if as_json:
            print(button.model_dump_json())
            continue
        month = button.counts[-1]
        name, where = f"{button.device}/{button.button}", button.address or "-"
        told = _DO[language][button.action]
        print(f"{name:<20} {where[:40]:<40} {month.incidents:>8} {month.false_alarms:>12} {month.faults:>9}  {told}")
