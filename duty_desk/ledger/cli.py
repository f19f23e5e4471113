"""`siaga desk verify-ledger | export | erase`: the record, for those who have to prove or to forget something."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from duty_desk.incidents.entries import TextName
    from duty_desk.ledger.place import Place
    from duty_desk.settings import Desk

Config = Annotated[Path, typer.Option("--config", help="The desk's configuration file.", show_default=False)]
_EVERY_S: Final = 2.0


class Format(StrEnum):
    """What an export looks like."""

    jsonl = "jsonl"
    csv = "csv"


def register(app: typer.Typer) -> None:
    """Add the ledger's commands to the desk's."""
    app.command("verify-ledger", epilog="Example: siaga desk verify-ledger --against heads.jsonl --config desk.toml")(
        verify_ledger
    )
    app.command(
        epilog="Example: siaga desk export --format csv --from 2026-11-01 --to 2026-12-01 --config desk.toml > nov.csv"
    )(export)
    app.command(epilog="Example: siaga desk erase --incident ID --names --why 'request 12 of 2026' --config desk.toml")(
        erase
    )


def verify_ledger(
    config: Config,
    against: Annotated[
        Path | None,
        typer.Option(help="JSON lines with heads kept elsewhere (ledger_head or hash).", show_default=False),
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="First make the tables derived from the chain anew.")
    ] = False,
) -> None:
    """Check the ledger's hash chain, the texts beside it, what is derived from it, and heads kept elsewhere.

    Exit 1 and name the first row, or head, that does not fit.
    """
    from duty_desk.errors import DerivedError, HeadMissingError, LedgerBrokenError, NoHeadsError
    from duty_desk.ledger.derived import mend
    from duty_desk.ledger.tables import open_engine
    from duty_desk.ledger.verify import verify

    path = _ledger(config)
    with contextlib.ExitStack() as stack:
        stack.enter_context(read_errors(path))
        lines = None
        if against is not None:
            lines = stack.enter_context(_open(against))
        if rebuild:
            mend(open_engine(path, busy_timeout_ms=5_000), anew=True)
        try:
            verdict = verify(path, lines, progress("rows checked"))
        except LedgerBrokenError as error:
            raise fail(f"{path}: broken: {error}") from None
        except DerivedError as error:
            raise fail(f"{path}: the chain is whole, but {error}; --rebuild makes the tables anew from it") from None
        except (HeadMissingError, NoHeadsError) as error:
            raise fail(f"{path}: {against}: {error}") from None
    print(f"{path}: whole, {verdict.rows} rows, head {verdict.head or '-'}")
    if verdict.heads is not None:
        unread = f", {verdict.heads.unreadable} lines could not be read" if verdict.heads.unreadable else ""
        print(f"{against}: {verdict.heads.heads} heads in {verdict.heads.lines} lines, the chain has each{unread}")
    if not verdict.derived:
        print(f"{path}: the tables derived from the chain are behind it; the desk's next start mends that")


def export(
    config: Config,
    format_: Annotated[
        Format, typer.Option("--format", help="jsonl: every row; csv: an incident a row, for a spreadsheet.")
    ] = Format.jsonl,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", help="ISO 8601, from then on; the city's zone unless it has an offset.", show_default=False
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="ISO 8601, before then; the city's zone unless it has an offset.", show_default=False),
    ] = None,
    incident: Annotated[str | None, typer.Option(help="This incident only.", show_default=False)] = None,
    without_names: Annotated[
        bool, typer.Option("--without-names", help="Leave out the texts that stand beside the chain.")
    ] = False,
) -> None:
    """Write rows or incidents of the ledger to standard output, beside a desk that may be running.

    That it was done, and by which account of this machine, is written down in the ledger.
    """
    from duty_desk.errors import UnknownIncidentError
    from duty_desk.ledger import export as lines
    from duty_desk.ledger.tables import open_reader

    desk = load(config)
    path, zone = desk.ledger, desk.settings.duty.zone
    from_ns, to_ns = moment("--from", from_, zone), moment("--to", to, zone)
    wanted: dict[str, Any] = {"incident_id": incident, "from_ns": from_ns, "to_ns": to_ns}
    audit_export(path, f"{format_.value}{' without names' if without_names else ''}")
    with read_errors(path):
        try:
            with open_reader(path).connect() as connection:
                if format_ is Format.csv:
                    check_up_to_date(connection, path)
                    _write(lines.csv_lines(lines.incidents(connection, **wanted), zone, names=not without_names))
                else:
                    if incident is not None:
                        check_up_to_date(connection, path)
                    _write_rows(lines.json_lines(connection, **wanted, names=not without_names))
        except UnknownIncidentError as error:
            raise fail(f"{path}: {error}") from None


def erase(
    config: Config,
    why: Annotated[str, typer.Option(help="Why, in a few words; kept beside the chain.", show_default=False)],
    incident: Annotated[str | None, typer.Option(help="The incident's id.", show_default=False)] = None,
    person: Annotated[
        str | None,
        typer.Option(
            help="Instead: this name, wherever somebody came, went or changed who may come.", show_default=False
        ),
    ] = None,
    note: Annotated[bool, typer.Option("--note", help="What was written about it.")] = False,
    names: Annotated[bool, typer.Option("--names", help="Officers, caller, and the address that was told.")] = False,
) -> None:
    """Erase texts that stand beside an incident's rows, or a person's name beside log-ins and changes of accounts.

    The chain stays whole, and tells that they were erased. An account's own and its shown name are two names.
    Exports, heads kept elsewhere and backups have their own copies: erase there too.
    """
    from duty_desk.errors import NothingToEraseError, UnknownIncidentError
    from duty_desk.ledger.erase import erase as erase_texts
    from duty_desk.ledger.erase import erase_person
    from duty_desk.ledger.place import there

    chosen: list[TextName] = []
    if names:
        chosen += ["officer", "caller", "address"]
    if note:
        chosen += ["note"]
    if (incident is None) == (person is None):
        raise typer.BadParameter("say of what: --incident ID, or --person NAME")
    if incident is not None and not chosen:
        raise typer.BadParameter("say what: --note, --names, or both")
    if person is not None and chosen:
        raise typer.BadParameter("--note and --names go with --incident")
    if not why.strip() or len(why) > 500:
        raise typer.BadParameter("--why takes 1 to 500 characters")
    path = _ledger(config)
    if not there(path):
        raise fail(f"{path}: there is no ledger")
    by: dict[str, Any] = {"who": _who(), "why": why.strip(), "now_ns": time.time_ns()}
    with read_errors(path):
        try:
            if incident is None:
                rows, gone = erase_person(path, person or "", **by)
                told = f"erased a name beside {rows} rows of log-ins and accounts; incidents keep theirs"
            else:
                erased, gone = erase_texts(path, incident, chosen, **by)
                told = f"erased beside incident {incident}: {', '.join(erased)}"
        except (UnknownIncidentError, NothingToEraseError) as error:
            raise fail(f"{path}: {error}") from None
    print(f"{path}: {told}")
    if (rest := _still_there(path, gone)) is not None:
        print(f"{path}: {rest}", file=sys.stderr)


def _still_there(path: Place, gone: bool) -> str | None:
    """Return where else an erased text may be for a while, or None."""
    if isinstance(path, Path):
        return (
            None if gone else f"a long read kept the texts in {path.name}-wal; they go with the desk's next checkpoint"
        )
    log = "the server's write-ahead log keeps them until it writes over it, as do replicas' and archived logs"
    return log if gone else f"a long read kept the texts in the table: VACUUM FULL aside, when it ended; {log}"


def _ledger(config: Path) -> Place:
    return load(config).ledger


def load(config: Path) -> Desk:
    """Return the desk's configuration, or end the command with its message."""
    from contract.errors import EX_CONFIG, ConfigError
    from duty_desk.settings import load_desk

    try:
        return load_desk(config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None


@contextlib.contextmanager
def read_errors(path: Place) -> Iterator[None]:
    """End the command with what to do where the ledger cannot be read."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        raise fail(f"{path}: cannot be read: {getattr(error, 'orig', None) or error}") from None


def fail(text: str) -> typer.Exit:
    """Tell why the command ends; to be raised."""
    print(text, file=sys.stderr)
    return typer.Exit(1)


def _open(file: Path) -> Any:
    try:
        return file.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise fail(f"{file}: cannot be read: {error.strerror}") from None


def moment(option: str, text: str | None, zone: tzinfo) -> int | None:
    """Return the time an option gives, without an offset of `zone`, in ns since 1970."""
    from duty_desk.ledger.export import parse_time

    if text is None:
        return None
    try:
        return parse_time(text, zone)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{option}: expected ISO 8601, such as 2026-11-22 or 2026-11-22T18:00") from None


def _who() -> str:
    import getpass

    try:
        return f"command line: {getpass.getuser()}"
    except (KeyError, OSError):
        return "command line"


def audit_export(path: Place, detail: str) -> None:
    """Write down that something was exported; a ledger that only can be read, as a copy, is exported all the same."""
    from sqlalchemy.exc import SQLAlchemyError

    from duty_desk.incidents.entries import AuditEntry
    from duty_desk.incidents.records import Aside, Record
    from duty_desk.ledger.place import there
    from duty_desk.ledger.writer import append_now

    who = Aside.of(_who())
    entry = AuditEntry(at_ns=time.time_ns(), what="exported", who=who.hash, detail=detail)
    if not there(path):
        raise fail(f"{path}: there is no ledger")
    try:
        append_now(path, Record(entry, {"who": who}))
    except (SQLAlchemyError, OSError) as error:
        print(f"{path}: not written down: {getattr(error, 'orig', None) or error}", file=sys.stderr)


def check_up_to_date(connection: Connection, path: Place) -> None:
    """End the command where the derived tables are behind the chain."""
    from duty_desk.ledger.derived import follows
    from duty_desk.ledger.tables import last_row

    if not follows(connection, last_row(connection)):
        raise fail(f"{path}: the tables derived from the chain are behind it; verify-ledger --rebuild mends that")


def _write(lines: Iterator[str]) -> None:
    told = progress("incidents written")
    with _whole_pipe():
        for number, line in enumerate(lines):
            sys.stdout.write(line)
            told(number)
        sys.stdout.flush()


def _write_rows(lines: Iterator[tuple[int, str | None]]) -> None:
    told = progress("rows read")
    with _whole_pipe():
        for sequence, line in lines:
            if line is not None:
                sys.stdout.write(line + "\n")
            told(sequence)
        sys.stdout.flush()


@contextlib.contextmanager
def _whole_pipe() -> Iterator[None]:
    """End quietly, and not as a success, when whoever reads goes away: `… | head`."""
    # A CSV has its own line ends, and names are UTF-8 whatever the terminal's language.
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    try:
        yield
    except BrokenPipeError:
        # What is left in the buffer has nowhere to go: a flush at exit would raise once more.
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None


def progress(what: str) -> Callable[[int], None]:
    """Return what tells on standard error how far it is, every 2 s."""
    last = time.monotonic()

    def tell(number: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY_S:
            last = now
            print(f"{number} {what}", file=sys.stderr)

    return tell
