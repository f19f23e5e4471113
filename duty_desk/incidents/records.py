"""What is written down: an entry of the ledger, and the names that stand beside it. Pure.

Names and notes of people are not in an entry: it holds only the hash of each, salted, so that a name can be erased by
law without touching the chain, and so that a hash alone gives no name away.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from duty_desk.incidents.entries import Entry


@dataclass(frozen=True, slots=True)
class Aside:
    """A text that stands beside the chain, with its salt (32 hexadecimal digits)."""

    salt: str
    text: str

    @classmethod
    def of(cls, text: str) -> Aside:
        """Return a text with a new salt."""
        return cls(secrets.token_hex(16), text)

    @property
    def hash(self) -> str:
        """The hash that stands in the chain: SHA-256 of salt and text."""
        return hashlib.sha256(f"{self.salt}\n{self.text}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Record:
    """An entry with the texts that stand beside it, by the name of the field that holds their hash."""

    entry: Entry
    asides: Mapping[str, Aside] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return the text beside the chain, or None when there is none or it was erased."""
        aside = self.asides.get(name)
        return None if aside is None else aside.text
