"""`siaga desk drill …`: begin and end a drill at the running desk, and tell what came of it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from duty_desk.access.commands import Config, Json, Lang, Language_
from duty_desk.drills.words import TEXTS

if TYPE_CHECKING:
    from duty_desk.drills.report import Line, Span
    from duty_desk.drills.script import Script
    from duty_desk.settings import Desk

drill_app = typer.Typer(no_args_is_help=True, help="Drills: presses and calls that are marked Exercise everywhere.")

NO_DESK: Final = 3
_ANSWER_S: Final = 10.0


@drill_app.command(epilog="Example: siaga desk drill start braga.toml --config /etc/siaga/desk.toml")
def start(
    config: Config,
    script: Annotated[Path | None, typer.Argument(help="The script, a TOML file.", show_default=False)] = None,
    box: Annotated[str | None, typer.Option("--box", help="One press now, at this box …")] = None,
    button: Annotated[str | None, typer.Option("--button", help="… of this button.")] = None,
    lang: Language_ = None,
) -> None:
    """Begin a drill at the running desk: by a script, or one press. Officers see and hear it, marked as an exercise.

    Exit status: 0 it began, 1 it did not, 3 no desk runs, 78 a file cannot be used.
    """
    if script is None and (box is None or button is None):
        raise typer.BadParameter(_say(lang, "what"))
    desk = _load(config)
    told = (
        {"name": f"{box}/{button}"[:60], "steps": [{"device": box, "button": button}]}
        if script is None
        else _script(script).model_dump(exclude_none=True)
    )
    _tell(lang, _ask(desk, lang, {"start": told, "who": _who()}))


@drill_app.command(epilog="Example: siaga desk drill check braga.toml --config /etc/siaga/desk.toml")
def check(script: Path, config: Config, lang: Language_ = None) -> None:
    """Check a script against the inventory, without a desk."""
    from duty_desk.drills.script import check_places
    from duty_desk.errors import DrillError

    read = _script(script)
    try:
        check_places(read, _load(config).inventory)
    except DrillError as error:
        print(_say(lang, error.code, detail=error.detail), file=sys.stderr)
        raise typer.Exit(1) from None
    print(_say(lang, "whole", file=script, steps=len(read.steps), seconds=f"{read.steps[-1].at_s:g}"))


@drill_app.command(epilog="Example: siaga desk drill stop --config /etc/siaga/desk.toml")
def stop(config: Config, lang: Language_ = None) -> None:
    """End the drill that runs. What it opened stays open: officers close it."""
    _tell(lang, _ask(_load(config), lang, {"stop": True, "who": _who()}))


@drill_app.command(epilog="Example: siaga desk drill status --config /etc/siaga/desk.toml --json")
def status(config: Config, as_json: Json = False, lang: Language_ = None) -> None:
    """Tell which drill runs."""
    _tell(lang, _ask(_load(config), lang, {}), as_json=as_json)


@drill_app.command(epilog="Example: siaga desk drill report --config /etc/siaga/desk.toml --json")
def report(
    config: Config,
    name: Annotated[str | None, typer.Option(help="The latest of this name; left out, the latest of all.")] = None,
    as_json: Json = False,
    lang: Language_ = None,
) -> None:
    """Tell what came of the latest drill: who, and how fast. From the ledger, beside a running desk or without one."""
    from duty_desk.drills.report import report as lines_of
    from duty_desk.drills.report import spans
    from duty_desk.ledger.cli import check_up_to_date, fail, read_errors
    from duty_desk.ledger.tables import open_reader

    desk = _load(config)
    with read_errors(desk.ledger), open_reader(desk.ledger).connect() as connection:
        check_up_to_date(connection, desk.ledger)
        all_spans = spans(connection)
        if not all_spans:
            raise fail(_say(lang, "no drills"))
        at = next((n for n in range(len(all_spans) - 1, -1, -1) if name in (None, all_spans[n].name)), None)
        if at is None:
            raise fail(_say(lang, "no such drill", detail=name))
        until_ns = all_spans[at + 1].began_ns if at + 1 < len(all_spans) else time.time_ns()
        lines = list(lines_of(connection, all_spans[at], until_ns))
    _show(desk, all_spans[at], lines, lang, as_json=as_json)


def _show(desk: Desk, span: Span, lines: list[Line], lang: Lang | None, *, as_json: bool) -> None:
    from duty_desk.ledger.export import show_time
    from duty_desk.web.archive_view import past_incident
    from duty_desk.web.view import Places

    places, zone = Places(desk.inventory), desk.settings.duty.zone
    if not as_json:
        end = _say(lang, span.end or "no end")
        print(
            _say(
                lang,
                "head",
                name=span.name,
                began=show_time(span.began_ns, zone)[:19],
                by=span.began_by or "-",
                end=end,
            )
        )
        if not lines:
            print(_say(lang, "nothing"))
    for line in lines:
        past = past_incident(line.found, places)
        if as_json:
            told = past.model_dump() | {
                name: getattr(line, name)
                for name in ("shown_s", "first_screen", "accept_s", "depart_s", "resolve_s", "step", "pages")
            }
            print(json.dumps({"drill": span.name} | told, ensure_ascii=False))
            continue
        times = {"shown": line.shown_s, "accept": line.accept_s, "depart": line.depart_s, "resolve": line.resolve_s}
        words: dict[str, Any] = {name: "-" if value is None else f"{value:g} s" for name, value in times.items()}
        opened = show_time(past.opened_at_ms * 1_000_000, zone)[11:19]
        place = past.address or f"{past.device}/{past.button}"
        by = "" if past.officer is None else f" ({past.officer})"
        print(_say(lang, "line", opened=opened, place=place, by=by, step=line.step + 1, **words))
        if line.pages:
            print(_say(lang, "pages", pages=", ".join(f"{what} {count}" for what, count in line.pages.items())))


def _script(file: Path) -> Script:
    from contract.errors import EX_CONFIG, ConfigError
    from duty_desk.drills.script import read_script

    try:
        return read_script(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        print(f"{file}: cannot be read: {reason}", file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None


def _ask(desk: Desk, lang: Lang | None, asked: dict[str, Any]) -> dict[str, Any]:
    from duty_desk.control import ask

    try:
        told = ask(desk.data, {"drill": asked}, _ANSWER_S)
    except (OSError, ValueError) as error:
        print(_say(lang, "silent", detail=error), file=sys.stderr)
        raise typer.Exit(1) from None
    if told is None:
        print(_say(lang, "no desk"), file=sys.stderr)
        raise typer.Exit(NO_DESK)
    if "error" in told:
        code = told["error"] if told["error"] in TEXTS else "not understood"
        print(_say(lang, code, detail=told.get("detail")), file=sys.stderr)
        raise typer.Exit(1)
    return told


def _tell(lang: Lang | None, told: dict[str, Any], *, as_json: bool = False) -> None:
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    elif not told.get("runs"):
        print(_say(lang, "none restarted" if "restarted" in told else "none", name=told.get("restarted")))
    else:
        print(_say(lang, "runs", **told | {"incidents": len(told["incidents"])}))


def _load(config: Path) -> Desk:
    from duty_desk.ledger.cli import load

    return load(config)


def _who() -> str:
    import getpass

    try:
        return f"command line: {getpass.getuser()}"
    except (KeyError, OSError):
        return "command line"


def _say(lang: Lang | None, text: str, **values: object) -> str:
    from duty_desk.access.words import default_language

    language = default_language() if lang is None else lang.value
    return TEXTS[text][language == "en"].format(**values)
