"""What a desk holds that no database should, and its accounts; of each a short mark, to compare two desks by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from duty_desk.settings import Desk

_LETTERS: Final = 16
_ACCOUNT: Final = "account-"
WORDS: Final = {
    "push": "push.pem (kunci notifikasi / the key of push)",
    "command": "command_key (kunci perintah / the key of commands)",
}


def marks(config: Desk) -> dict[str, str]:
    """Return the mark of each key that this desk has: of its public half, so that it tells nothing."""
    found = {}
    try:
        push = load_pem_private_key(config.push_key.read_bytes(), None).public_key()
        found["push"] = _mark(push.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        pass  # what is wrong with it, the channel says
    if config.command_key.key is not None:
        found["command"] = _mark(config.command_key.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    for lane, broker in config.brokers.items():
        if broker.credentials is not None and broker.credentials.username is not None:
            found[_ACCOUNT + lane] = _mark(broker.credentials.username.encode())
    return found


def apart(own: Mapping[str, str], owners: Mapping[str, str]) -> bool:
    """Return whether it is known that each has an account of its own: else one throws the other out of a broker."""
    theirs = {name: mark for name, mark in owners.items() if name.startswith(_ACCOUNT)}
    return bool(theirs) and all(own.get(name, mark) != mark for name, mark in theirs.items())


def missing(own: Mapping[str, str], owners: Mapping[str, str]) -> str | None:
    """Return in words what the owner has and this desk has not, or has otherwise; None where nothing is missing."""
    told = []
    for name, mark in sorted(owners.items()):
        word = WORDS.get(name, name)
        if name.startswith(_ACCOUNT):
            if own.get(name) == mark:
                lane = name.removeprefix(_ACCOUNT)
                told.append(f"{lane}: akun broker sama dengan pemilik / the owner's own account at the broker")
        elif name not in own:
            told.append(f"{word}: tidak ada / missing")
        elif own[name] != mark:
            told.append(f"{word}: berbeda / another")
    return "; ".join(told) or None


def _mark(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:_LETTERS]
