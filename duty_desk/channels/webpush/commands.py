"""`siaga desk push-key …`: the key by which push services and phones know this desk."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from duty_desk.access.commands import Config

push_key_app = typer.Typer(no_args_is_help=True, help="The desk's own key for pushes to phones.")


@push_key_app.command(epilog="Example: siaga desk push-key show --config desk.toml")
def show(config: Config, as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Show the public key, made when there is none yet, and where the secret one is: it belongs into the backup."""
    from contract.errors import EX_CONFIG, ConfigError
    from duty_desk.channels.webpush.sealing import point_of, to_base64url
    from duty_desk.channels.webpush.vapid import PushKeyError, load_push_key
    from duty_desk.settings import load_desk

    try:
        file = load_desk(config).push_key
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None
    try:
        public = to_base64url(point_of(load_push_key(file).public_key()))
    except (PushKeyError, OSError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    print(json.dumps({"key": public, "file": str(file)}) if as_json else f"{public}\n{file}")
