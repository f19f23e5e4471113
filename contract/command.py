"""Commands as they travel: the envelope of `signed.py`, kind `command`, with a `Command` as its content.

Rules:
- The desk signs with a key of its own, which signs nothing but commands; a box obeys only keys it was given for that.
- `version` of the document rises with each command a desk sends, so that of two for one siren the later counts.
- What speaks against a replay is in the content: an id that is obeyed once, and an expiry of at most `MAX_LIFE_NS`.
"""

from __future__ import annotations

from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter, ValidationError

from contract.errors import BodyError
from contract.identity import EventId
from contract.messages import Command, parse_json
from contract.signed import Document, sign

KIND: Final = "command"
MAX_COMMAND_BYTES: Final = 2_048
"""No envelope of a command is larger; a larger one is not even parsed."""
MAX_LIFE_NS: Final = 120 * 10**9
"""A command that expires later than this after its arrival is refused: a box remembers ids only for so long."""

_ID: Final[TypeAdapter[str]] = TypeAdapter(EventId)


def seal(command: Command, key: Ed25519PrivateKey, *, version: int, issued_at_ns: int) -> bytes:
    """Return a command as its envelope's bytes.

    Args:
        command: What is to be done.
        key: The desk's command key.
        version: Above that of any command this desk sent before.
        issued_at_ns: Now, by the centre's clock.
    """
    content = command.model_dump(exclude_none=True)
    document = Document(device=command.device, kind=KIND, version=version, issued_at_ns=issued_at_ns, content=content)
    return sign(document, key)


def claimed_id(envelope: bytes) -> str | None:
    """Return the id that an envelope names, whoever made it; None when there is none to be read."""
    try:
        value: Any = parse_json(envelope, max_bytes=MAX_COMMAND_BYTES)
        return _ID.validate_python(value["document"]["content"]["id"], strict=True)
    except (BodyError, ValidationError, KeyError, TypeError):
        return None
