"""What the commands of `siaga provision` have in common."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path, typer.Option("--folder", help="The authority's folder.", envvar="SIAGA_AUTHORITY", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
PassPhraseFile = Annotated[
    Path | None,
    typer.Option("--pass-phrase-file", help="A file, mode 600, whose first line opens the root's key."),
]


@contextmanager
def told() -> Iterator[None]:
    """Turn an error of ours into one line on stderr and its exit status: 78 for what must be mended first, else 1."""
    from contract.errors import EX_CONFIG, ConfigError
    from provisioning.errors import ProvisioningError

    try:
        yield
    except ProvisioningError as error:
        print(f"siaga provision: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from None
    except ConfigError as error:
        print(f"siaga provision: {error}", file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None


def read_pass_phrase(path: Path | None) -> bytes | None:
    """Return the first line of a pass phrase file, or None when there is no file.

    Raises:
        ProvisioningError: It cannot be read, others can read it, or its first line is empty.
    """
    from provisioning.errors import KeyFileError
    from provisioning.files import read_private

    if path is None:
        return None
    line = read_private(path).split(b"\n", 1)[0].rstrip(b"\r")
    if not line:
        raise KeyFileError(f"{path}: its first line is empty", "write the pass phrase into it")
    return line


def tell_brokers(folder: Path) -> None:
    """Bring the brokers in step with the register, also when it did not change: the last time may have failed.

    Raises:
        SiagaError: A broker's files cannot be written, or it cannot be told; the register stands.
    """
    from provisioning.authority import Authority
    from provisioning.brokers.apply import apply

    done = apply(folder, Authority.open(folder).revoked)
    for broker in done:
        if broker.reloaded is None:
            print(
                f"{broker.lane} broker: files written; none runs here: bring its folder to its host with rsync, which "
                "replaces each file in one step (a half-copied ACL opens the broker), then send SIGHUP"
            )
        elif broker.restart:
            print(f"{broker.lane} broker: told (process {broker.reloaded}); restart it, as it trusts other roots")
        else:
            print(f"{broker.lane} broker: told (process {broker.reloaded})")
    if not done:
        print("no broker was rendered in this folder, so none was told")
