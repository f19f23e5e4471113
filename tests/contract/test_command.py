"""Commands as they travel: the same envelope as every signed document, and a bound on its size."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.command import KIND, MAX_COMMAND_BYTES, claimed_id, seal
from contract.errors import MisroutedError
from contract.identity import new_event_id
from contract.messages import Command
from contract.signed import verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LONGEST = "x" * 63
COMMAND = Command(
    id=new_event_id(), device=LONGEST, expires_at_ns=2**63 - 1, command="synthetic_press", seconds=600, button=LONGEST
)


def test_what_is_sealed_is_what_is_opened_and_the_longest_is_far_below_the_bound() -> None:
    envelope = seal(COMMAND, KEY, version=2**62, issued_at_ns=2**62)
    document = verify(envelope, [KEY.public_key()], device=LONGEST, kind=KIND, newer_than=None)
    assert Command.model_validate(document.content) == COMMAND
    assert claimed_id(envelope) == COMMAND.id
    assert len(envelope) < MAX_COMMAND_BYTES // 2


def test_a_command_is_taken_for_no_configuration() -> None:
    envelope = seal(COMMAND, KEY, version=1, issued_at_ns=1)
    with pytest.raises(MisroutedError, match="other kind"):
        verify(envelope, [KEY.public_key()], device=LONGEST, kind="config", newer_than=None)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"null", b'{"document":[]}', b'{"document":{"content":{"id":"7"}}}', b"{" * 3_000],
)
def test_a_body_that_names_no_id_names_none(body: bytes) -> None:
    assert claimed_id(body) is None


def test_an_id_is_read_from_what_nobody_signed_but_not_from_what_is_too_large() -> None:
    value = json.loads(seal(COMMAND, KEY, version=1, issued_at_ns=1))
    assert claimed_id(json.dumps(value | {"signature": "no"}).encode()) == COMMAND.id
    assert claimed_id(json.dumps(value | {"padding": "x" * MAX_COMMAND_BYTES}).encode()) is None
