"""Who is in: accounts, tokens and sessions as the running desk has them in memory. Pure; time is given.

Memory decides, not the file: a desk whose file cannot be read goes on with what it knows. The rules of a session:
- It is over after `idle_s` without use. An open page counts as use.
- Once `most_s` have passed since the log-in, an hour without use ends it: a page that is open never goes to the log-in
  by itself, in the middle of the night or of an incident.
- It is over when its account is disabled, or changed its role or password: then the account's generation has risen.
- There are at most MAX_SESSIONS, and MAX_OF_ONE of one account; the one unused for longest makes room.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from duty_desk.access.people import Account, ApiToken, Session

MAX_SESSIONS: Final = 2_000
MAX_OF_ONE: Final = 50
OLD_IDLE_NS: Final = 3_600 * 10**9
"""How long a session older than `most_s` lasts without use: over a restart of the desk or of the screen's machine."""
_TOKEN_BYTES: Final = 32

Why = Literal["expired", "changed"]
"""Why a session is over: its time, or a change of its account."""


def new_token() -> str:
    """Return a new random token of 256 bits, 43 letters that need no quoting."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


class Book:
    """The accounts, tokens and sessions.

    Args:
        idle_s: How long a session lasts without use, in seconds.
        most_s: How long it lasts at most without an open page, in seconds.
    """

    def __init__(self, *, idle_s: float, most_s: float) -> None:
        self.accounts: Mapping[str, Account] = {}
        self._idle_ns = round(idle_s * 1e9)
        self._most_ns = round(most_s * 1e9)
        self._tokens: dict[str, ApiToken] = {}
        self._sessions: dict[str, Session] = {}

    def learn(self, accounts: Iterable[Account], tokens: Iterable[ApiToken]) -> None:
        """Take over accounts and tokens as the file has them now."""
        self.accounts = {account.name: account for account in accounts}
        self._tokens = {token.token_hash: token for token in tokens}

    def adopt(self, sessions: Iterable[Session]) -> None:
        """Take over sessions from before the start; those made since stay."""
        for session in sessions:
            if len(self._sessions) < MAX_SESSIONS:
                self._sessions.setdefault(session.token_hash, session)

    def open(self, account: Account, screen: str | None, now_ns: int) -> tuple[str, Session, list[Session]]:
        """Begin a session; return its token, itself, and those that ended to make room."""
        ended = []
        while (oldest := self._too_many(account.name)) is not None:
            ended.append(self._sessions.pop(oldest.token_hash))
        token = new_token()
        session = Session(
            secrets.token_hex(8), token_hash(token), account.name, account.generation, now_ns, now_ns, screen
        )
        self._sessions[session.token_hash] = session
        return token, session, ended

    def find(self, token: str, now_ns: int) -> tuple[Session, Account] | None:
        """Return the session of a token with its account, or None when there is none or it is over."""
        session = self._sessions.get(token_hash(token))
        if session is None:
            return None
        account = self._account(session, now_ns)
        return None if account is None else (session, account)

    def api_token(self, token: str) -> ApiToken | None:
        """Return which other system a token is of, or None."""
        return self._tokens.get(token_hash(token))

    def has_api_token(self, known: ApiToken) -> bool:
        """Return whether a token is still one."""
        return known.token_hash in self._tokens

    def end(self, session: Session) -> bool:
        """End a session; return whether it was there."""
        return self._sessions.pop(session.token_hash, None) is not None

    def sweep(self, now_ns: int) -> list[tuple[Session, Why]]:
        """Remove and return the sessions that are over, with why."""
        over: list[tuple[Session, Why]] = []
        for session in list(self._sessions.values()):
            if self._account(session, now_ns) is None:
                del self._sessions[session.token_hash]
                over.append((session, "changed" if self._changed(session) else "expired"))
        return over

    def used_since(self, time_ns: int) -> list[Session]:
        """Return the sessions that were used after a time."""
        return [session for session in self._sessions.values() if session.used_ns > time_ns]

    def ends_ns(self, session: Session) -> int:
        """Return until when a session lasts without an open page, however much it is used."""
        return session.created_ns + self._most_ns

    def _account(self, session: Session, now_ns: int) -> Account | None:
        if self._changed(session):
            return None
        idle_ns = self._idle_ns
        if now_ns - session.created_ns > self._most_ns:
            idle_ns = min(idle_ns, OLD_IDLE_NS)
        if now_ns - session.used_ns > idle_ns:
            return None
        return self.accounts[session.account]

    def _changed(self, session: Session) -> bool:
        account = self.accounts.get(session.account)
        return account is None or account.disabled or account.generation != session.generation

    def _too_many(self, name: str) -> Session | None:
        own = [session for session in self._sessions.values() if session.account == name]
        crowd = own if len(own) >= MAX_OF_ONE else list(self._sessions.values())
        if crowd is not own and len(crowd) < MAX_SESSIONS:
            return None
        return min(crowd, key=lambda session: session.used_ns)
