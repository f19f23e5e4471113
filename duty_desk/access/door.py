"""The door: who comes in, who is in, and who is shown out. On the event loop; the file is the keeper's.

A log-in goes on from memory when the file or the ledger is down: neither keeps an officer from a press.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.time_quality import ClockSource
from duty_desk.access.attempts import Attempt, Attempts
from duty_desk.access.audit import UNKNOWN, audit_record
from duty_desk.access.book import Book
from duty_desk.access.errors import LogInRefusedError, NoAccountsError
from duty_desk.access.keeper import Keeper, Learned
from duty_desk.access.passwords import NOBODY, Verifier
from duty_desk.access.people import MAX_PASSWORD, Account, ApiToken, Session, login_name
from duty_desk.errors import LedgerFullError
from duty_desk.incidents.actor import Role
from duty_desk.incidents.entries import AuditWhat
from duty_desk.incidents.records import Record

TOUCH_S: Final = 30.0
"""Between two writings of when the sessions were last used."""
_WRITTEN_S: Final = 1.0

_log = logging.getLogger("siaga.desk.accounts")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who a request comes from. `login` is the account's name, `name` what others see.

    `csrf` is None for another system with a token, `ends_ms` then too (ms since 1970): until then the session lasts
    without an open page.
    """

    source: Session | ApiToken
    login: str
    name: str
    role: Role
    csrf: str | None
    ends_ms: int | None

    def at(self, screen: str) -> None:
        """Take note at which screen the session is used."""
        if isinstance(self.source, Session):
            self.source.screen = screen


class Door:
    """Accounts, sessions and limits, brought together.

    Args:
        path: accounts.db.
        idle_s: How long a session lasts without use, in seconds.
        most_s: How long it lasts at most without an open page.
        record: Takes what the ledger shall keep.
        clock: Tells what keeps the centre's clock.
        on_fault: Called when `fault` may have changed.
        now_ns: The centre's clock.
        verifier: Checks passwords.
    """

    def __init__(
        self,
        path: Path,
        *,
        idle_s: float,
        most_s: float,
        record: Callable[[Record], None],
        on_fault: Callable[[], None] = lambda: None,
        now_ns: Callable[[], int] = time.time_ns,
        clock: Callable[[], ClockSource] = lambda: "none",
        verifier: Verifier | None = None,
    ) -> None:
        self.loaded = asyncio.Event()
        self._book = Book(idle_s=idle_s, most_s=most_s)
        self._attempts = Attempts()
        self._verifier = verifier or Verifier()
        self._record = record
        self._now_ns = now_ns
        self._clock = clock
        self._flushed_ns = now_ns()
        self._streams: dict[Callable[[], None], Visitor] = {}
        self._loop = asyncio.get_running_loop()
        self._keeper = Keeper(path, on_learned=self._hop_learned(), on_fault=self._hop(on_fault))

    @property
    def fault(self) -> str | None:
        """Why accounts.db cannot be used, or None."""
        return self._keeper.fault

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts as they are known now, by name."""
        return self._book.accounts

    def start(self) -> None:
        """Begin to read the file."""
        self._keeper.start()

    def stop(self) -> None:
        """Write what waits and end the threads."""
        self._flush()
        self._keeper.stop()
        self._verifier.close()

    # Coming and going

    async def log_in(self, name: str, password: str, *, address: str, screen: str | None) -> tuple[str, Visitor]:
        """Return the token of a new session, for the cookie, and who that is.

        Raises:
            LogInRefusedError: Name or password is wrong, or the account disabled; the time it takes does not say which.
            TryLaterError: There were too many wrong ones from this address.
            NoAccountsError: The accounts were not read yet.
        """
        if not self.loaded.is_set():
            raise NoAccountsError
        name = login_name(name)
        attempt = self._attempts.begin(name, address, time.monotonic())
        await asyncio.sleep(attempt.delay_s)
        account = self._book.accounts.get(name)
        there = account is not None and not account.disabled and len(password) <= MAX_PASSWORD
        known_hash = account.password_hash if account is not None and there else NOBODY
        try:
            right = await self._verifier.verify(known_hash, password[:MAX_PASSWORD], rank=attempt.rank)
        except BaseException:  # also when the browser goes away: an attempt nobody judged must not count against anyone
            self._attempts.take_back(attempt)
            raise
        # It may have been changed meanwhile.
        now = self._book.accounts.get(name)
        if not right or not there or now is None or now != account:
            self._tell_refused(attempt, account, screen)
            raise LogInRefusedError
        self._attempts.succeeded(attempt)
        return await self._let_in(now, screen)

    async def _let_in(self, account: Account, screen: str | None) -> tuple[str, Visitor]:
        token, session, ended = self._book.open(account, screen, self._now_ns())
        for each in ended:
            self._gone(each, "session_ended", "too_many")
        self._audit("login", account.name, screen=screen)
        # On disk before the answer, so that a crash just after it does not ask for the password again.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(self._keeper.save(session)), _WRITTEN_S)
        return token, self._visitor(session, account, token)

    def log_out(self, visitor: Visitor) -> None:
        """End the visitor's session."""
        if isinstance(visitor.source, Session) and self._book.end(visitor.source):
            self._gone(visitor.source, "logout", None)

    # Who is in

    def by_cookie(self, token: str) -> Visitor | None:
        """Return who a session's token is of, and take note that it is used; None when there is no such session."""
        found = self._book.find(token, self._now_ns())
        if found is None:
            return None
        session, account = found
        session.used_ns = self._now_ns()
        return self._visitor(session, account, token)

    def by_bearer(self, token: str) -> Visitor | None:
        """Return which other system a token is of, or None."""
        known = self._book.api_token(token)
        return None if known is None else Visitor(known, known.name, known.name, "viewer", None, None)

    @contextlib.contextmanager
    def streaming(self, visitor: Visitor, end: Callable[[], None]) -> Iterator[None]:
        """Keep a visitor's session in use while a stream is open; `end` is called when it is over."""
        self._streams[end] = visitor
        try:
            yield
        finally:
            del self._streams[end]

    def sweep(self) -> None:
        """Show out whose session is over; once a second."""
        now_ns = self._now_ns()
        for visitor in self._streams.values():
            if isinstance(visitor.source, Session):
                visitor.source.used_ns = now_ns
        for session, why in self._book.sweep(now_ns):
            self._gone(session, "session_ended", why)
        for end, visitor in list(self._streams.items()):
            if isinstance(visitor.source, ApiToken) and not self._book.has_api_token(visitor.source):
                end()
        if now_ns - self._flushed_ns > TOUCH_S * 1e9:
            self._flush()

    # Inside

    def _visitor(self, session: Session, account: Account, token: str) -> Visitor:
        ends_ms = self._book.ends_ns(session) // 1_000_000
        return Visitor(session, account.name, account.display, account.role, csrf_of(token), ends_ms)

    def _gone(self, session: Session, what: AuditWhat, detail: str | None) -> None:
        self._keeper.forget(session)
        for end, visitor in list(self._streams.items()):
            if visitor.source is session:
                end()
        self._audit(what, session.account, screen=session.screen, detail=detail)

    def _tell_refused(self, attempt: Attempt, account: Account | None, screen: str | None) -> None:
        detail = self._attempts.told(time.monotonic())
        if detail is not None:
            self._audit("login_refused", UNKNOWN if account is None else account.name, screen=screen, detail=detail)
            _log.warning("a log-in from %s was refused", attempt.address)

    def _audit(self, what: AuditWhat, who: str, *, screen: str | None, detail: str | None = None) -> None:
        at_ns, clock = self._now_ns(), self._clock()
        try:
            self._record(audit_record(what, who=who, at_ns=at_ns, at_clock=clock, screen=screen, detail=detail))
        except LedgerFullError as error:
            _log.error("not recorded: %s of %s: %s", what, who, error)

    def _flush(self) -> None:
        for session in self._book.used_since(self._flushed_ns):
            self._keeper.touch(session)
        self._flushed_ns = self._now_ns()

    # The keeper's thread

    def _hop_learned(self) -> Learned:
        def learned(accounts: list[Account], tokens: list[ApiToken], sessions: list[Session]) -> None:
            self._book.learn(accounts, tokens)
            self._book.adopt(sessions)
            self.loaded.set()
            self.sweep()

        def hop(accounts: list[Account], tokens: list[ApiToken], sessions: list[Session]) -> None:
            self._hop(lambda: learned(accounts, tokens, sessions))()

        return hop

    def _hop(self, call: Callable[[], None]) -> Callable[[], None]:
        """Return a callback for the keeper's thread that runs `call` on the event loop."""

        def hop() -> None:
            # After the loop's end nobody is left to tell.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call)

        return hop


def csrf_of(token: str) -> str:
    """Return what a page must send with a session's changes. It follows from the session's token, which a page of our
    own cannot read and a foreign one does not know."""
    return hmac.new(token.encode(), b"siaga csrf", hashlib.sha256).hexdigest()
