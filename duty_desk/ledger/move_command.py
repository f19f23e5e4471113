"""`siaga desk ledger move`: the record into another place, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from duty_desk.ledger.cli import Config, fail, load, progress

if TYPE_CHECKING:
    from duty_desk.ledger.place import Place

_ASK_S: Final = 5.0

ledger_app = typer.Typer(no_args_is_help=True, help="The record: where it is kept.")


@ledger_app.callback()
def _ledger() -> None:
    """Keep `move` a command of its own name."""


@ledger_app.command(
    epilog="Example: siaga desk ledger move --to postgresql://siaga@localhost/ledger --password-file ledger.password "
    "--config desk.toml"
)
def move(
    config: Config,
    to: Annotated[str, typer.Option(help="postgresql://user@host/database, or a file.", show_default=False)],
    password_file: Annotated[
        Path | None, typer.Option(help="The database's password, one line, mode 600.", show_default=False)
    ] = None,
) -> None:
    """Copy the ledger into an empty database, or from one into a new file, and check its chain there.

    The desk must not run, nor the other one of two. The ledger stays where it was as well; desk.toml says which one
    counts.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from duty_desk.errors import DerivedError, LedgerBrokenError, LedgerThereError
    from duty_desk.ledger.move import move as copy
    from duty_desk.ledger.place import there

    desk = load(config)
    source, target = desk.ledger, _target(to, password_file)
    if not there(source):
        raise fail(f"{source}: there is no ledger")
    if isinstance(target, Path) and target.exists():
        raise fail(f"{target}: there is a file already; move it away first")
    if _runs(desk.data):
        raise fail("the desk runs; stop it first, or what it records meanwhile is not in the copy")
    try:
        _refuse_others(source, target)
        moved = copy(source, target, progress("rows copied"))
    except (LedgerBrokenError, DerivedError) as error:
        raise fail(f"{source}: not moved: {error}") from None
    except LedgerThereError as error:
        raise fail(f"{error}; take an empty database") from None
    except (SQLAlchemyError, OSError) as error:
        raise fail(f"not moved: {getattr(error, 'orig', None) or error}") from None
    print(f"{target}: whole, {moved.rows} rows and {moved.texts} texts, head {moved.verdict.head or '-'}")
    _say_next(config, source, target, password_file)


def _say_next(config: Path, source: Place, target: Place, password_file: Path | None) -> None:
    if isinstance(target, Path):
        print(f"To use it: take ledger and ledger_password_file out of {config}, and start the desk.")
        print(f"It is used where it is named ledger.db in data_dir. {source} stands as it was.")
        return
    print(f'To use it: write into {config}, above its first table, and start the desk:\n  ledger = "{target}"')
    if password_file is not None:
        print(f'  ledger_password_file = "{password_file.absolute()}"')
    if isinstance(source, Path):
        print(
            f"To go back: stop the desk, move {source} away, which stands as it was and has nothing later, then\n"
            f"  siaga desk ledger move --to {source} --config {config}\nand take these lines out of {config} again."
        )


def _target(to: str, password_file: Path | None) -> Place:
    from contract.errors import PrivateFileError
    from duty_desk.ledger.place import SCHEME
    from duty_desk.ledger_settings import open_server

    if "://" not in to:
        return Path(to)
    try:
        return open_server(to, password_file)
    except (ValueError, PrivateFileError) as error:
        raise typer.BadParameter(f"--to: {error}" if to.startswith(SCHEME) else f"--to: expected {SCHEME}…") from None


def _refuse_others(*places: Place) -> None:
    """Refuse while a desk of two, mostly on another machine, may run on one of the databases."""
    from duty_desk.ledger.place import Server
    from duty_desk.ledger.tables import open_reader
    from duty_desk.pair.shared import RECENT_MS, at_work

    for place in places:
        if not isinstance(place, Server):
            continue
        with open_reader(place, too_long_s=_ASK_S).connect() as connection:
            names = at_work(connection)
        if names:
            told = " and ".join(f'"{name}"' for name in names)
            raise fail(
                f"{place} is in use by the desk {told}; stop it on its machine, or what it records meanwhile is not in "
                f"the copy. One that is stopped may count for up to {RECENT_MS // 1_000} s more"
            )


def _runs(folder: Path) -> bool:
    from duty_desk.control import ask

    try:
        return ask(folder, {}, 1.0) is not None
    except (OSError, ValueError):
        return True  # somebody is there
