"""Changes to who may come: made in accounts.db, where a running desk sees them within a second, then in the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Connection

from duty_desk.access.audit import audit_record
from duty_desk.access.book import new_token, token_hash
from duty_desk.access.errors import AccountError
from duty_desk.access.passwords import hash_password
from duty_desk.access.people import (
    MAX_ACCOUNTS,
    MAX_TOKENS,
    Account,
    ApiToken,
    Session,
    check_display,
    check_name,
    check_password,
    check_role,
)
from duty_desk.access.store import (
    add_token,
    open_accounts,
    put_account,
    read_accounts,
    read_sessions,
    read_tokens,
    remove_sessions,
    remove_token,
)
from duty_desk.incidents.entries import AuditWhat
from duty_desk.incidents.records import Record

_FIRST: Final = 1


class Changes:
    """An open accounts.db; `with` closes it.

    Args:
        path: accounts.db; made when missing.
        who: Who makes the changes, for the ledger.
        record: Takes what the ledger shall keep, after the change.
        now_ns: The clock.

    Raises:
        SQLAlchemyError, OSError: The file cannot be used.
    """

    def __init__(
        self, path: Path, who: str, record: Callable[[Record], None], now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._engine = open_accounts(path)
        self._who = who
        self._record = record
        self._now_ns = now_ns

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._engine.dispose()

    def add(self, name: str, role: str, password: str, display: str | None = None) -> Account:
        """Add an account.

        Raises:
            AccountError: Name, shown name, role or password cannot be, or are taken.
        """
        check_name(name)
        shown, known_role = check_display(display or name), check_role(role)
        password_hash = hash_password(check_password(name, password))
        with self._engine.begin() as connection:
            there = read_accounts(connection)
            if any(account.name == name for account in there):
                raise AccountError("name_taken", name=name)
            if any(account.display.casefold() == shown.casefold() for account in there):
                raise AccountError("display_taken", display=shown)
            if len(there) >= MAX_ACCOUNTS:
                raise AccountError("too_many_accounts", most=MAX_ACCOUNTS)
            account = Account(name, shown, known_role, password_hash, False, _FIRST, self._now_ns())
            put_account(connection, account)
        self._audit("account_added", name, known_role)
        return account

    def set_password(self, name: str, password: str) -> None:
        """Give an account another password; its sessions end.

        Raises:
            AccountError: There is no such account, or the password cannot be.
        """
        password_hash = hash_password(check_password(name, password))
        with self._engine.begin() as connection:
            self._put(connection, replace(_account(connection, name), password_hash=password_hash))
        self._audit("password_changed", name)

    def set_role(self, name: str, role: str) -> None:
        """Give an account another role; its sessions end.

        Raises:
            AccountError: There is no such account or role.
        """
        known_role = check_role(role)
        with self._engine.begin() as connection:
            self._put(connection, replace(_account(connection, name), role=known_role))
        self._audit("role_changed", name, known_role)

    def disable(self, name: str) -> None:
        """Let nobody in by an account any more; its sessions end.

        Raises:
            AccountError: There is no such account.
        """
        with self._engine.begin() as connection:
            self._put(connection, replace(_account(connection, name), disabled=True))
        self._audit("account_disabled", name)

    def enable(self, name: str) -> None:
        """Let an account in again.

        Raises:
            AccountError: There is no such account.
        """
        with self._engine.begin() as connection:
            self._put(connection, replace(_account(connection, name), disabled=False))
        self._audit("account_enabled", name)

    def end_sessions(self, name: str) -> None:
        """End all sessions of an account; it may log in again.

        Raises:
            AccountError: There is no such account.
        """
        with self._engine.begin() as connection:
            self._put(connection, _account(connection, name))
        self._audit("session_ended", name, "all")

    def accounts(self) -> list[Account]:
        """Return all accounts, by name."""
        with self._engine.begin() as connection:
            return read_accounts(connection)

    def sessions(self, name: str | None = None) -> list[Session]:
        """Return the sessions, of one account or of all, the last used first.

        Raises:
            AccountError: There is no such account.
        """
        with self._engine.begin() as connection:
            if name is not None:
                _account(connection, name)
            return [session for session in read_sessions(connection) if name in (None, session.account)]

    def add_token(self, name: str) -> str:
        """Return a new token by which another system may read; only its hash is kept.

        Raises:
            AccountError: The name cannot be, or is taken.
        """
        check_name(name)
        token = new_token()
        with self._engine.begin() as connection:
            there = read_tokens(connection)
            if any(known.name == name for known in there):
                raise AccountError("token_taken", name=name)
            if len(there) >= MAX_TOKENS:
                raise AccountError("too_many_tokens", most=MAX_TOKENS)
            add_token(connection, ApiToken(name, token_hash(token), self._now_ns()))
        self._audit("token_added", name)
        return token

    def remove_token(self, name: str) -> None:
        """Take a token back.

        Raises:
            AccountError: There is none of this name.
        """
        with self._engine.begin() as connection:
            if all(known.name != name for known in read_tokens(connection)):
                raise AccountError("no_token", name=name)
            remove_token(connection, name)
        self._audit("token_removed", name)

    def tokens(self) -> list[ApiToken]:
        """Return all tokens, by name."""
        with self._engine.begin() as connection:
            return read_tokens(connection)

    def _put(self, connection: Connection, account: Account) -> None:
        """Write a changed account under a new generation, which ends its sessions."""
        put_account(connection, replace(account, generation=account.generation + 1))
        remove_sessions(connection, [each.id for each in read_sessions(connection) if each.account == account.name])

    def _audit(self, what: AuditWhat, subject: str, detail: str | None = None) -> None:
        self._record(audit_record(what, who=self._who, at_ns=self._now_ns(), subject=subject, detail=detail))


def _account(connection: Connection, name: str) -> Account:
    for account in read_accounts(connection):
        if account.name == name:
            return account
    raise AccountError("no_account", name=name)
