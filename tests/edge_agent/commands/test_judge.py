"""Which commands are obeyed: none that nobody signed, none twice, none too late, and none of an older day."""

from __future__ import annotations

import json
import random
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.command import MAX_COMMAND_BYTES, MAX_LIFE_NS, seal
from contract.identity import new_event_id
from contract.messages import Command
from contract.signed import Document, sign
from edge_agent.clock import EARLIEST_NS, Clock
from edge_agent.commands import MOST_KNOWN, REFUSALS, REFUSALS_NS, Judge, Verdict

S: Final = 10**9
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NEXT = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
NOW_NS: Final = EARLIEST_NS + 100 * S
"""The box's time at 100 s of the monotonic clock."""


def judging(*, trusted: bool = True) -> Judge:
    """Return the judge of box-1, which trusts two keys."""
    clock = Clock(EARLIEST_NS, 0)
    if trusted:
        clock.tell("ntp", EARLIEST_NS, 0)
    judge = Judge("box-1", clock)
    judge.keys = (KEY.public_key(), NEXT.public_key())
    return judge


def siren(version: int = 1, *, key: Ed25519PrivateKey = KEY, **more: Any) -> bytes:
    """Return a siren's command that is good at 100 s; `more` replaces what it says."""
    keys = {
        "id": new_event_id(),
        "device": "box-1",
        "expires_at_ns": NOW_NS + 10 * S,
        "command": "siren",
        "seconds": 30,
    }
    return seal(Command.model_validate(keys | more), key, version=version, issued_at_ns=NOW_NS)


def signed(content: dict[str, Any], *, device: str = "box-1", kind: str = "command") -> bytes:
    """Return any content as a signed document."""
    return sign(Document(device=device, kind=kind, version=1, issued_at_ns=NOW_NS, content=content), KEY)


def told(verdict: Verdict) -> tuple[str, str]:
    """Return outcome and detail of a verdict that is not to do anything."""
    assert verdict.do is None
    assert verdict.reply is not None
    return verdict.reply.outcome, verdict.reply.detail or ""


@pytest.mark.parametrize("key", [KEY, NEXT], ids=["the key", "the next key"])
def test_what_a_key_of_ours_signed_is_done_once_and_answered_again_as_before(key: Ed25519PrivateKey) -> None:
    judge, body = judging(), siren(key=key)
    command = judge.judge(body, 100 * S).do
    assert command is not None
    assert (command.command, command.on, command.seconds) == ("siren", True, 30)
    # The other broker brings it while it is being done: its answer goes to both.
    assert judge.judge(body, 100 * S) == Verdict(again=True)
    reply = judge.done(command, "done", "30 s", 101 * S)
    assert (reply.device, reply.id, reply.outcome) == ("box-1", command.id, "done")
    assert judge.judge(body, 102 * S) == Verdict(reply=reply, again=True)
    assert judge.judge(body, 500 * S) == Verdict(reply=reply, again=True), "long after it expired too"


def test_what_nobody_we_trust_signed_is_refused_and_does_not_use_up_its_id() -> None:
    judge, event_id = judging(), new_event_id()
    verdict = judge.judge(siren(key=STRANGER, id=event_id), 100 * S)
    assert told(verdict)[0] == "refused"
    assert told(verdict)[1].startswith("unknown key: signed by key ")
    assert verdict.fault == "command: unknown key"
    assert judge.judge(siren(id=event_id), 100 * S).do is not None


def test_no_byte_of_a_command_can_be_changed() -> None:
    """Each byte once, to another one: nothing is done, nothing raises."""
    judge, body, dice = judging(), siren(), random.Random(10)
    for at in range(len(body)):
        other = bytes([dice.choice([each for each in range(256) if each != body[at]])])
        assert judge.judge(body[:at] + other + body[at + 1 :], 100 * S).do is None, at
    for end in range(len(body)):
        assert judge.judge(body[:end], 100 * S).do is None
    assert judge.judge(body + b" ", 100 * S).do is None
    assert judge.judge(body, 100 * S).do is not None


def test_a_key_that_says_it_is_ours_is_not() -> None:
    forged = json.loads(siren(key=STRANGER)) | {"key": json.loads(siren())["key"]}
    body = json.dumps(forged, sort_keys=True, separators=(",", ":")).encode()
    assert judging().judge(body, 100 * S).fault == "command: bad signature"


def test_another_devices_command_and_another_kind_of_document_are_refused() -> None:
    judge = judging()
    other = judge.judge(siren(device="box-2"), 100 * S)
    assert told(other) == ("refused", "other device: for box-2, and this is box-1")
    content = {"id": new_event_id(), "device": "box-1", "expires_at_ns": NOW_NS, "command": "siren", "on": False}
    assert told(judge.judge(signed(content, kind="config"), 100 * S))[1].startswith("other kind")
    inside = judge.judge(signed(content | {"device": "box-2"}), 100 * S)
    assert told(inside) == ("refused", "other device: for box-2, and this is box-1")


@pytest.mark.parametrize(
    ("expires_ns", "outcome"),
    [
        (NOW_NS, None),
        (NOW_NS - 1, "expired"),
        (NOW_NS - 3_600 * S, "expired"),
        (NOW_NS + MAX_LIFE_NS, None),
        (NOW_NS + MAX_LIFE_NS + 1, "refused"),
        (2**63 - 1, "refused"),
    ],
)
def test_a_command_is_good_until_it_expires_and_none_lives_long(expires_ns: int, outcome: str | None) -> None:
    verdict = judging().judge(siren(expires_at_ns=expires_ns), 100 * S)
    assert (verdict.do is not None) == (outcome is None)
    assert outcome is None or told(verdict)[0] == outcome


def test_a_command_that_was_kept_for_later_is_too_late_then() -> None:
    judge, kept = judging(), siren()
    assert told(judge.judge(kept, 111 * S))[0] == "expired"
    assert "1.0 s too late by this box's clock (ntp)" in told(judge.judge(kept, 111 * S))[1]


def test_with_a_clock_that_nobody_told_nothing_is_obeyed_and_the_id_is_not_used_up() -> None:
    clock = Clock(EARLIEST_NS, 0)
    judge = Judge("box-1", clock)
    judge.keys = (KEY.public_key(),)
    body = siren()
    assert told(judge.judge(body, 100 * S))[1].startswith("clock not trusted")
    clock.tell("centre", NOW_NS, 100 * S)
    assert judge.judge(body, 100 * S).do is not None


def test_fault_18_of_two_commands_for_one_output_the_later_counts_in_any_order() -> None:
    judge = judging()
    off = judge.judge(siren(8, on=False, seconds=0), 100 * S).do
    assert off is not None
    assert not off.on
    late = siren(7)
    assert told(judge.judge(late, 100 * S))[1].startswith("overtaken")
    assert told(judge.judge(late, 100 * S))[1].startswith("overtaken"), "answered again as before"
    assert judge.judge(siren(8), 100 * S).do is None, "a version is given once"
    assert judge.judge(siren(7, command="beacon"), 100 * S).do is not None, "another output has its own order"
    assert told(judge.judge(siren(6, command="beacon"), 100 * S))[1].startswith("overtaken")
    assert judge.judge(siren(9), 100 * S).do is not None
    press = siren(1, command="synthetic_press", button="sos")
    assert judge.judge(press, 100 * S).do is not None, "a press has no order"


def test_what_a_later_version_knows_is_unknown_here_and_what_is_wrong_is_said() -> None:
    judge = judging()
    content = {"id": new_event_id(), "device": "box-1", "expires_at_ns": NOW_NS, "command": "dance"}
    assert told(judge.judge(signed(content), 100 * S))[0] == "unknown"
    too_long = content | {"command": "siren", "on": True, "seconds": 601}
    assert told(judge.judge(signed(too_long), 100 * S)) == (
        "refused",
        "seconds: Input should be less than or equal to 600",
    )
    no_id = judge.judge(signed({key: each for key, each in content.items() if key != "id"}), 100 * S)
    assert no_id == Verdict(fault="command: without an id")


def test_an_oversized_body_is_not_even_parsed() -> None:
    content = {"id": new_event_id(), "device": "box-1", "expires_at_ns": NOW_NS, "command": "siren", "on": False}
    large = signed(content | {"padding": "x" * MAX_COMMAND_BYTES})
    assert judging().judge(large, 100 * S) == Verdict(fault="command: oversize")
    assert judging().judge(b"x" * 100_000, 100 * S) == Verdict(fault="command: oversize")


def test_a_flood_of_forgeries_gets_few_answers() -> None:
    judge = judging()
    replies = [judge.judge(siren(key=STRANGER), 100 * S + each).reply for each in range(200)]
    assert sum(reply is not None for reply in replies) == REFUSALS
    assert judge.judge(siren(key=STRANGER), 101 * S + REFUSALS_NS).reply is not None
    assert judge.judge(siren(), 100 * S).do is not None, "and a true one is obeyed meanwhile"


def test_ids_are_bounded_and_none_is_forgotten_before_it_expires() -> None:
    judge, bodies = judging(), [siren(1, command="lamp_test", button="sos") for _ in range(MOST_KNOWN)]
    for body in bodies:
        assert judge.judge(body, 100 * S).do is not None
    assert told(judge.judge(siren(), 100 * S)) == ("refused", "more than 256 commands at once; wait two minutes")
    assert all(judge.judge(body, 100 * S).again for body in bodies)
    late = siren(expires_at_ns=NOW_NS + 30 * S)
    assert judge.judge(late, 115 * S).do is not None, "all of them have expired"
    assert judge.judge(bodies[0], 115 * S).do is None


def test_without_a_key_nothing_is_obeyed() -> None:
    judge = judging()
    judge.keys = ()
    assert judge.judge(siren(), 100 * S).do is None
