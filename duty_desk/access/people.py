"""Accounts, their sessions, and the tokens of other systems. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from duty_desk.access.errors import AccountError
from duty_desk.access.roles import ROLES
from duty_desk.incidents.actor import Role

MAX_NAME: Final = 40
MAX_DISPLAY: Final = 80
MIN_PASSWORD: Final = 10
MAX_PASSWORD: Final = 256
MAX_ACCOUNTS: Final = 1_000
MAX_TOKENS: Final = 100

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in with `name`. Others see `display`.

    `generation` rises with every change that ends the account's sessions; a session of an earlier one is over.
    """

    name: str
    display: str
    role: Role
    password_hash: str
    disabled: bool
    generation: int
    created_ns: int


@dataclass(slots=True)
class Session:
    """A log-in that lasts. `id` is for people; of the token only the SHA-256 is kept, as hexadecimal digits."""

    id: str
    token_hash: str
    account: str
    generation: int
    created_ns: int
    used_ns: int
    screen: str | None = None


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What another system reads with: the role viewer, no session. Of the token only the SHA-256 is kept."""

    name: str
    token_hash: str
    created_ns: int


def login_name(text: str) -> str:
    """Return a typed name as accounts have it: without spaces around it, in small letters."""
    return text.strip().lower()


def check_name(name: str) -> str:
    """Return a new account's or token's name.

    Raises:
        AccountError: It is none.
    """
    if _NAME.fullmatch(name) is None:
        raise AccountError("bad_name", name=name)
    return name


def check_display(text: str) -> str:
    """Return the name that others see.

    Raises:
        AccountError: It is none.
    """
    shown = " ".join(text.split())
    if not shown or len(shown) > MAX_DISPLAY or any(unicodedata.category(letter)[0] == "C" for letter in shown):
        raise AccountError("bad_display", most=MAX_DISPLAY)
    return shown


def check_role(text: str) -> Role:
    """Return a role.

    Raises:
        AccountError: It is none.
    """
    for role in ROLES:
        if role == text:
            return role
    raise AccountError("bad_role", role=text, roles=", ".join(ROLES))


def check_password(name: str, password: str) -> str:
    """Return a password that may be set.

    Raises:
        AccountError: It is too short, too long, or the name itself.
    """
    if len(password) < MIN_PASSWORD:
        raise AccountError("short_password", least=MIN_PASSWORD)
    if len(password) > MAX_PASSWORD:
        raise AccountError("long_password", most=MAX_PASSWORD)
    if password.strip().lower() == name:
        raise AccountError("password_is_name")
    return password
