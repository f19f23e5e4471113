"""What a desk holds that no database should, and a short mark of each, by which two desks are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from duty_desk.settings import Desk

_LETTERS: Final = 16
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
    return found


def missing(own: Mapping[str, str], owners: Mapping[str, str]) -> str | None:
    """Return in words what the owner has and this desk has not, or has otherwise; None where nothing is missing."""
    told = []
    for name, mark in sorted(owners.items()):
        word = WORDS.get(name, name)
        if name not in own:
            told.append(f"{word}: tidak ada / missing")
        elif own[name] != mark:
            told.append(f"{word}: berbeda / another")
    return "; ".join(told) or None


def _mark(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:_LETTERS]
