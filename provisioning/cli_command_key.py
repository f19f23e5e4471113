"""`siaga provision command-key …`: the key that the desk's commands to boxes are signed with."""

from __future__ import annotations

import typer

from provisioning.cli_common import Folder, told

app = typer.Typer(help="The key that sounds sirens: the desk signs with it, boxes trust it.", no_args_is_help=True)


@app.command(epilog="Example: siaga provision command-key make --folder /srv/siaga-ca")
def make(folder: Folder) -> None:
    """Make the desk's command key, unless there is one, and say where both halves go."""
    with told():
        from provisioning.authority import Authority
        from provisioning.command_keys import desk_key_file, make_command_key, public_file

        made = make_command_key(Authority.open(folder))
        print("the command key was made" if made else "there is a command key already; it stays")
        print(f'1. to the desk, mode 600, desk.toml: command_key = "desk.key": {desk_key_file(folder)}')
        print(f'2. to each box, box.toml: command_keys = "commands.pub": {public_file(folder)}')


@app.command(epilog="Example: siaga provision command-key rotate --folder /srv/siaga-ca")
def rotate(folder: Folder) -> None:
    """Make the next command key; boxes trust both until `finish`."""
    with told():
        from provisioning.authority import Authority
        from provisioning.command_keys import begin_command_rotation, public_file

        begin_command_rotation(Authority.open(folder))
        print(f"1. bring {public_file(folder)} to each box; its agent reads it again within a minute")
        print("2. siaga provision command-key finish")


@app.command(epilog="Example: siaga provision command-key finish --folder /srv/siaga-ca")
def finish(folder: Folder) -> None:
    """Let the next key be the desk's; the one before is destroyed."""
    with told():
        from provisioning.authority import Authority
        from provisioning.command_keys import desk_key_file, finish_command_rotation, public_file

        finish_command_rotation(Authority.open(folder))
        print(f"1. bring {desk_key_file(folder)} to the desk, mode 600, and restart it")
        print(f"2. bring {public_file(folder)} to each box once more: until then it trusts the old key too")
