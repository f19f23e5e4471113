"""Documents that a device obeys only with a signature: Ed25519 (RFC 8032) over canonical JSON.

What travels is an envelope, itself canonical JSON, so that there is one byte string for each signed document and any
other is refused:

    {"document":{"content":{…},"device":"box-1","issued_at_ns":…,"kind":"config","version":7},"key":"…","signature":"…"}

The signature is of the canonical bytes of `document`. `key` names the key, so that two can be in force during a
rotation; it is not trusted.

Canonical JSON here is RFC 8785 (JCS) without fractions: UTF-8, no white space, keys sorted by UTF-16 code units, the
shortest escapes. Numbers are whole and from -2^63 to 2^63-1, written as decimal digits; JCS would round those beyond
2^53, and we do not, because a time in nanoseconds is one. A quantity with a fraction travels in a smaller unit (`_mm`)
or as a string.

The clock of a device may be lost, so `issued_at_ns` is for people; what orders documents is `version`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import ConfigDict, Field, ValidationError

from contract.errors import BodyError, ForgedError, MisroutedError, SignedError, StaleError
from contract.identity import Name
from contract.messages import MAX_NESTING, Count, Message, Nanoseconds, first_fault, parse_json

MAX_SIGNED_BYTES: Final = 65_536
"""No envelope is larger."""

_MAX_INTEGER: Final = 2**63 - 1
_PEM_END: Final = b"-----END PUBLIC KEY-----"


class Document(Message):
    """What is signed: for one device, of one kind, at a version that only rises.

    `kind` says what `content` is, so that a document of one kind is never taken for another. Keys of `content` are the
    kind's own; a value there is text, a whole number, true, false, null, a list or an object.
    """

    device: Name
    kind: Name
    version: Count
    issued_at_ns: Nanoseconds
    content: dict[str, Any]


class Envelope(Message):
    """A document as it travels. Nothing but the document is signed, so nothing but these three keys is taken."""

    model_config = ConfigDict(extra="forbid")

    document: Document
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


def sign(document: Document, key: Ed25519PrivateKey) -> bytes:
    """Return a document as an envelope's bytes.

    Raises:
        ValueError: The content cannot be written as canonical JSON, or is too large.
    """
    value = document.model_dump()
    signature = key.sign(canonical(value)).hex()
    envelope = canonical({"document": value, "key": key_id(key.public_key()), "signature": signature})
    if len(envelope) > MAX_SIGNED_BYTES:
        raise ValueError(f"a signed document of {len(envelope)} bytes, at most {MAX_SIGNED_BYTES}")
    return envelope


def verify(
    envelope: bytes, keys: Iterable[Ed25519PublicKey], *, device: str, kind: str, newer_than: int | None
) -> Document:
    """Return the document of an envelope, once nothing speaks against obeying it.

    Args:
        envelope: The bytes as they arrived.
        keys: The keys we trust; two during a rotation.
        device: Who we are.
        kind: What we expect.
        newer_than: The version in force, or None when there is none yet.

    Raises:
        SignedError: It is no envelope, or its document is none; the reasons are those of `contract.messages.decode`,
            and `not canonical`.
        ForgedError: `unknown key` or `bad signature`.
        MisroutedError: `other device` or `other kind`.
        StaleError: `not newer`.
    """
    value, taken = _parse(envelope)
    key = next((each for each in keys if key_id(each) == taken.key), None)
    if key is None:
        raise ForgedError("unknown key", envelope, detail=f"signed by key {taken.key}, which is not trusted here")
    try:
        # Of what arrived, not of `taken.document`, which is without the keys that we do not know yet.
        key.verify(bytes.fromhex(taken.signature), canonical(value["document"]))
    except InvalidSignature:
        raise ForgedError("bad signature", envelope, detail=f"not made by key {taken.key} of these bytes") from None
    document = taken.document
    if document.device != device:
        raise MisroutedError("other device", envelope, detail=f"for {document.device}, and this is {device}")
    if document.kind != kind:
        raise MisroutedError("other kind", envelope, detail=f"{document.kind} where {kind} belongs")
    if newer_than is not None and document.version <= newer_than:
        raise StaleError("not newer", envelope, detail=f"version {document.version}, in force is {newer_than}")
    return document


def canonical(value: object) -> bytes:
    """Return a value as canonical JSON, by the rules at the head of this file.

    Raises:
        ValueError: It holds a fraction, a number too large, half a surrogate pair, a key that is no text, something
            that JSON does not know, or more than 16 brackets open at once.
    """
    text = json.dumps(_ordered(value, 0), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode()  # UnicodeEncodeError, of half a surrogate pair, is a ValueError


def key_id(key: Ed25519PublicKey) -> str:
    """Return the name of a key: the first 64 bits of the SHA-256 of its 32 bytes, as 16 hexadecimal digits."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key.public_bytes_raw())
    return digest.finalize()[:8].hex()


def load_signing_key(pem: bytes) -> Ed25519PrivateKey:
    """Return the private key of a PEM (PKCS #8, not encrypted).

    Raises:
        ValueError: It holds none, with words for a person.
    """
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise ValueError("no usable private key, cut off or damaged") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key")
    return key


def load_verifying_keys(pem: bytes) -> tuple[Ed25519PublicKey, ...]:
    """Return the public keys of a PEM, at least one.

    Raises:
        ValueError: It holds none, or one that is damaged or of another kind, with words for a person.
    """
    blocks = [block + _PEM_END for block in pem.split(_PEM_END)[:-1]]
    if not blocks or pem.count(b"-----BEGIN") != len(blocks):
        raise ValueError("no usable public key, cut off or damaged")
    keys = []
    for block in blocks:
        try:
            key = serialization.load_pem_public_key(block)
        except ValueError:
            raise ValueError("no usable public key, cut off or damaged") from None
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("not an Ed25519 key")
        keys.append(key)
    return tuple(keys)


def _parse(envelope: bytes) -> tuple[Any, Envelope]:
    try:
        value = parse_json(envelope, max_bytes=MAX_SIGNED_BYTES)
        taken = Envelope.model_validate(value)
        same = canonical(value) == envelope
    except BodyError as error:
        raise SignedError(error.reason, envelope, detail=error.detail) from None
    except ValidationError as error:
        raise SignedError("invalid", envelope, detail=first_fault(error)) from None
    except ValueError as error:
        raise SignedError("not canonical", envelope, detail=str(error)) from None
    if not same:
        raise SignedError("not canonical", envelope, detail="the same document has one form only; this is another")
    return value, taken


def _ordered(value: object, depth: int) -> object:
    if isinstance(value, dict):
        _check_depth(depth)
        if not all(isinstance(key, str) for key in value):
            raise ValueError("a key that is no text")
        items = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
        return {key: _ordered(each, depth + 1) for key, each in items}
    if isinstance(value, (list, tuple)):
        _check_depth(depth)
        return [_ordered(each, depth + 1) for each in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        if not -_MAX_INTEGER - 1 <= value <= _MAX_INTEGER:
            raise ValueError("a number beyond 64 bits")
        return value
    raise ValueError(f"a {type(value).__name__}, which a signed document cannot hold")


def _check_depth(depth: int) -> None:
    if depth >= MAX_NESTING:
        raise ValueError(f"more than {MAX_NESTING} brackets open at once")
