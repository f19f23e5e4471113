"""The passwords of the centre's services: one file each, made once, kept until someone deletes it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from contract.topics import Lane
from provisioning.authority_layout import Layout
from provisioning.brokers.model import DEFAULT_ACCOUNTS, Account, account
from provisioning.brokers.render import SALT_BYTES, password_fits, render_password
from provisioning.errors import UnusableError
from provisioning.files import make_folder, read_private, write_private

SUFFIX: Final = ".password"
SHARE_GROUP: Final = "collector.group"

_PASSWORD: Final = re.compile(r"[A-Za-z0-9_-]{32,128}")


def password_file(folder: Path, name: str) -> Path:
    """Return the file of a service's password in an authority's folder."""
    return Layout(folder).accounts / f"{name}{SUFFIX}"


def known_accounts(folder: Path) -> tuple[Account, ...]:
    """Return the accounts that a broker has: the default ones, and each that has a password file.

    Raises:
        AccountError: A password file is named after no known service.
    """
    found = {path.name.removesuffix(SUFFIX) for path in Layout(folder).accounts.glob(f"*{SUFFIX}")}
    found = {name for name in found if not name.startswith(".")}
    return tuple(account(name) for name in sorted(found | set(DEFAULT_ACCOUNTS)))


def ensure_password(folder: Path, name: str) -> str:
    """Return a service's password; a service that has none gets a new one, 256 random bits.

    Raises:
        UnusableError: Its file cannot be read or written, others may read it, or it holds no such password.
    """
    path = password_file(folder, name)
    if not path.exists():
        make_folder(path.parent)
        write_private(path, f"{secrets.token_urlsafe(32)}\n".encode())
    return read_password(path)


def read_password(path: Path) -> str:
    """Return the password in a file.

    Raises:
        UnusableError: It cannot be read, others may read it, or it holds anything but one password of ours.
    """
    text = read_private(path).decode("ascii", "replace").removesuffix("\n")
    if not _PASSWORD.fullmatch(text):
        raise UnusableError(f"{path}: holds no password of 32 to 128 letters, digits, - and _", "delete it and render")
    return text


def ensure_share_group(folder: Path) -> str:
    """Return the name of the collectors' shared subscription, made when there is none: 256 random bits.

    Mosquitto chooses a member of the group before it looks at what the member may read. Whoever knows the name, a box
    for one, can join the group, and its share of the messages is delivered to nobody.

    Raises:
        UnusableError: Its file cannot be read or written, others may read it, or it holds no such name.
    """
    path = Layout(folder).accounts / SHARE_GROUP
    if not path.exists():
        make_folder(path.parent)
        write_private(path, f"{secrets.token_urlsafe(32)}\n".encode())
    return read_password(path)


def password_lines(lane: Lane, accounts: Iterable[Account], passwords: Mapping[str, str], old: str) -> str:
    """Return the text of `centre.passwd`; a line of `old` that still fits stays as it is.

    Args:
        lane: Which lane's broker; an account without grants there is left out.
        accounts: The accounts.
        passwords: Their passwords by name.
        old: The text so far.
    """
    lines = []
    for each in sorted(accounts, key=lambda one: one.name):
        if not each.grants(lane):
            continue
        password = passwords[each.name]
        kept = [line for line in old.splitlines() if password_fits(line, each.username, password)]
        new = render_password(each.username, password, secrets.token_bytes(SALT_BYTES))
        lines.append(f"{kept[0]}\n" if kept else new)
    return "".join(lines)
