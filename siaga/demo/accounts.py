"""Who may log in at the demo's desk: two officers, a call-taker and a supervisor, and a token that reads.

They all have one password, made at the first start, so that hashing it costs the demo's start 0.15 s and not a second.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Final

from duty_desk.access.book import new_token, token_hash
from duty_desk.access.passwords import hash_password
from duty_desk.access.people import Account, ApiToken
from duty_desk.access.store import add_token, open_accounts, put_account, read_accounts, remove_token
from duty_desk.incidents.actor import Role

OFFICER: Final = "petugas-1"
ACCOUNTS: Final[tuple[tuple[str, str, Role], ...]] = (
    (OFFICER, "Petugas 1", "officer"),
    ("petugas-2", "Petugas 2", "officer"),
    ("operator-1", "Operator 112", "call_taker"),
    ("pengawas-1", "Pengawas 1", "supervisor"),
)
_READER: Final = "demo"
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"


class DemoAccounts:
    """The password and the token, in files of a folder.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def password(self) -> str:
        """The password of all accounts."""
        return (self.folder / "password").read_text(encoding="utf-8").strip()

    @property
    def token(self) -> str:
        """The token by which the demo's own commands read."""
        return (self.folder / "token").read_text(encoding="utf-8").strip()

    def prepare(self, accounts: Path) -> None:
        """Make the accounts in a desk's accounts.db, unless they are there."""
        engine = open_accounts(accounts)
        try:
            with engine.begin() as connection:
                if read_accounts(connection) and all((self.folder / name).exists() for name in ("password", "token")):
                    return
                self.folder.mkdir(parents=True, exist_ok=True)
                # Three words of four letters, to be typed: 59 bits.
                password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))
                token = new_token()
                _write(self.folder / "password", password)
                _write(self.folder / "token", token)
                password_hash, now_ns = hash_password(password), time.time_ns()
                for name, display, role in ACCOUNTS:
                    put_account(connection, Account(name, display, role, password_hash, False, 1, now_ns))
                remove_token(connection, _READER)
                add_token(connection, ApiToken(_READER, token_hash(token), now_ns))
        finally:
            engine.dispose()


def _write(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text + "\n", encoding="utf-8")
