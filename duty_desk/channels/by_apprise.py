"""Channels by apprise: Telegram, ntfy, e-mail, webhooks and whatever else it knows, each named by a URL with a secret.

- The URL is in a file of its own, read at each page, and is in no message, log or setting. apprise's own log may have
  parts of it, so it is heard for the reason alone and goes nowhere.
- apprise is synchronous: each page goes in a thread of ours, and one that hangs is left behind and keeps its place.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import stat
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import quote

from pydantic import Field, model_validator

from contract.errors import PrivateFileError
from contract.secret import refuse_others
from contract.settings import Settings
from duty_desk.channels.channel import Handed, Page, Tell
from duty_desk.channels.contacts import Contacts
from duty_desk.errors import ChannelError

SEND_S: Final = 4.5
MAX_AT_ONCE: Final = 8
"""Pages of one channel in threads; more fail at once."""
MAX_FILE: Final = 4_096
PLACE: Final = "{address}"

EXAMPLES: Final = {
    "channels.apprise": '[[channels.apprise]] name = "telegram" file = "telegram.url" personal = true',
    "channels.apprise.name": 'name = "telegram"',
    "channels.apprise.file": 'file = "telegram.url"',
    "channels.apprise.credential": 'credential = "telegram"',
    "channels.apprise.personal": "personal = true",
}
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")
_SECRET_LOGS: Final = ("urllib3", "requests", "requests_oauthlib", "oauthlib")
"""Whose debug lines have paths of URLs."""


class AppriseSettings(Settings):
    """One channel. Its URL is in `file`, mode 0600, or in systemd's `credential`; `personal` with `{address}` in it."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,19}$")]
    file: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    credential: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")] | None = None
    personal: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.file is None) == (self.credential is None):
            raise ValueError("expected either file or credential")
        if self.name in ("push", "sms", "siren", "beacon", "others"):
            raise ValueError(f"{self.name} is the name of another channel")
        return self


class _Reasons(logging.Filter):
    """Hears why apprise did not send, by thread; keeps a number or a word, and lets no line of its log through."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[int, str] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Take one line of apprise's log."""
        text = record.getMessage()
        found = _STATUS.search(text)
        if found is not None:
            self.of[threading.get_ident()] = f"its service says {found[1]}"
        elif "onnection error" in text or "SMTP" in text:
            self.of.setdefault(threading.get_ident(), "its service cannot be reached")
        return False


_reasons = _Reasons()


class ByApprise:
    """One channel by apprise.

    Args:
        settings: Its name, and whose it is.
        folder: Where a relative `file` is.
        contacts: Knows the addresses, under the channel's name.
        environ: Where systemd tells of its credentials.
    """

    def __init__(
        self, settings: AppriseSettings, folder: Path, contacts: Contacts, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._contacts = contacts
        self._environ = environ
        self._threads = ThreadPoolExecutor(MAX_AT_ONCE, f"apprise-{settings.name}")
        self._busy = 0

    @property
    def name(self) -> str:
        """Its name in settings, ledger and pages."""
        return self._settings.name

    @property
    def personal(self) -> bool:
        """Whether it goes to a person."""
        return self._settings.personal

    def reaches(self, who: str) -> bool:
        """Return whether it has an address of this account."""
        return self.personal and self._contacts.address(who, self.name) is not None

    async def send(self, page: Page) -> Handed:
        """Hand a page over.

        Raises:
            ChannelError: The service did not take it in time, or cannot be used.
        """
        address = None if page.who is None else self._contacts.address(page.who, self.name)
        if self.personal and address is None:
            raise ChannelError("no address", gone=True)
        if self._busy >= MAX_AT_ONCE:
            raise ChannelError("its service is slow, and too many pages wait for it")
        self._busy += 1
        loop = asyncio.get_running_loop()
        sending = loop.run_in_executor(self._threads, self._send, page, address)
        sending.add_done_callback(self._ended)
        done, _ = await asyncio.wait((sending,), timeout=SEND_S)
        if not done:
            raise ChannelError(f"its service did not answer within {SEND_S:g} s")
        fault = sending.result()
        if fault is not None:
            raise ChannelError(fault)
        return Handed()

    async def run(self, tell: Tell) -> None:
        """Wait for ever: nothing comes back by apprise."""
        try:
            # It takes a while, which the first page need not wait for.
            await asyncio.to_thread(_load)
            await asyncio.Event().wait()
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = ThreadPoolExecutor(MAX_AT_ONCE, f"apprise-{self.name}")

    def _ended(self, sending: asyncio.Future[str | None]) -> None:
        self._busy -= 1
        if not sending.cancelled():
            sending.exception()

    def _send(self, page: Page, address: str | None) -> str | None:
        """Return why a page was not sent, in words without a secret; None when it was."""
        _load()
        from apprise import Apprise

        try:
            url = self._url()
        except (OSError, PrivateFileError) as error:
            return f"no URL: {error.strerror if isinstance(error, OSError) else error}"
        if self.personal and PLACE not in url:
            return f"its URL has no {PLACE}, where the person's address goes"
        url = url.replace(PLACE, quote(address or "", safe=""))
        limits = f"{'&' if '?' in url else '?'}cto=2&rto=3"
        service = Apprise.instantiate(url + limits)
        if service is None:
            return "its URL is none that apprise knows: see docs/channels.md"
        _reasons.of.pop(threading.get_ident(), None)
        if service.notify(title=page.title, body=page.text):
            return None
        return _reasons.of.pop(threading.get_ident(), "its service did not take it")

    def _url(self) -> str:
        """Return the URL.

        Raises:
            OSError, PrivateFileError: It cannot be had, or is no secret.
        """
        if self._settings.credential is not None:
            # systemd itself lets nobody else read it.
            path = Path(self._environ.get("CREDENTIALS_DIRECTORY", "/run/credentials")) / self._settings.credential
        else:
            path = self._folder / str(self._settings.file)
        with path.open("rb") as file:
            if self._settings.credential is None:
                refuse_others(path.name, os.fstat(file.fileno()).st_mode)
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise PrivateFileError(f"{path.name} is no file")
            text = file.read(MAX_FILE).decode("utf-8", "replace").strip()
        if not text or len(text.splitlines()) != 1:
            raise PrivateFileError(f"{path.name} is not one URL in one line")
        return text


def _load() -> None:
    """Load apprise with its plugins, and let its log go nowhere else."""
    import apprise

    log = logging.getLogger("apprise")
    if _reasons not in log.filters:
        log.addFilter(_reasons)
        for name in _SECRET_LOGS:
            logging.getLogger(name).setLevel(logging.WARNING)
    # The plugins, a hundred and more, are loaded with the first URL that is read.
    apprise.Apprise.instantiate("json://127.0.0.1")
