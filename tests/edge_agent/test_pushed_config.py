"""Fault 44: what is pushed is judged before it is obeyed, and at a start the last good configuration counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contract.errors import ConfigError
from contract.signed import MAX_SIGNED_BYTES, Document
from edge_agent.config import load_box
from edge_agent.config_state import ConfigState, Pushed, begun, confirmed, taken
from edge_agent.config_store import NAME, ConfigStore
from edge_agent.pushed_config import InForce, PushRefusedError, judge, take_up
from siaga.stack.trust import Trust
from tests.edge_agent.test_config import box, written

__all__ = ["box"]  # a fixture of theirs


@dataclass(frozen=True)
class Desk:
    """Whoever signs, and the box's file."""

    trust: Trust
    path: Path

    def envelope(self, toml: str | None = None, *, version: int = 7, device: str = "box-1", **more: Any) -> bytes:
        text = self.path.read_text() if toml is None else toml
        content = {"toml": text, **more}
        return self.trust.authority.sign(
            Document(device=device, kind="config", version=version, issued_at_ns=time.time_ns(), content=content)
        )

    def judged(self, envelope: bytes, newest: int | None = None) -> Pushed:
        return judge(envelope, path=self.path, file=load_box(self.path), newest=newest, now_ns=5)


@pytest.fixture
def desk(box: Path, trust: Trust) -> Desk:
    """Return a box that takes pushes of its authority."""
    (box.parent / "signing.pub").write_bytes(trust.authority.signing_public.read_bytes())
    box.write_text('config_keys = "signing.pub"\n' + box.read_text().replace("/never-made", "/data"))
    (box.parent / "data").mkdir()
    return Desk(trust, box)


def changed(desk: Desk, old: str, new: str) -> bytes:
    text = desk.path.read_text()
    assert old in text
    return desk.envelope(text.replace(old, new))


def test_a_true_and_newer_one_is_to_be_tried(desk: Desk) -> None:
    pushed = desk.judged(desk.envelope(confirm_s=60), newest=6)
    assert pushed == Pushed(version=7, toml=desk.path.read_text(), confirm_s=60, since_ns=5)


def forged(desk: Desk) -> bytes:
    return desk.envelope().replace(b'\\"box-1\\"', b'\\"box-2\\"', 1)


def strangers(desk: Desk) -> bytes:
    return Desk(Trust(desk.path.parent / "other"), desk.path).envelope()


def too_large(desk: Desk) -> bytes:
    return b"{" + b" " * MAX_SIGNED_BYTES


@pytest.mark.parametrize(
    ("made", "newest", "reason", "words"),
    [
        (forged, None, "bad signature", "not made by key"),
        (strangers, None, "unknown key", "not trusted here"),
        (lambda desk: desk.envelope(device="box-2"), None, "other device", "for box-2"),
        (lambda desk: desk.envelope(), 7, "not newer", "in force is 7"),
        (lambda desk: desk.envelope(), 8, "not newer", "in force is 8"),
        (lambda desk: b"\xff\xfe", None, "not utf-8", ""),
        (lambda desk: b"garbage", None, "not json", ""),
        (too_large, None, "oversize", "at most 65536"),
        (lambda desk: desk.envelope(confirm_s=1), None, "invalid", "confirm_s"),
        (lambda desk: desk.envelope(more=1), None, "invalid", "more"),
        (lambda desk: desk.envelope("device = \n"), None, "bad configuration", "version 7:1: not TOML"),
        (lambda desk: changed(desk, "/17?", "/27?"), None, "bad configuration", "buttons.0.lamp: line"),
        (lambda desk: changed(desk, "[[sensors]]", "[[sensor]]"), None, "bad configuration", "did you mean 'sensors'?"),
        (lambda desk: changed(desk, "box-1/box-1.key", "box-1/none.key"), None, "bad configuration", "cannot be read"),
        (lambda desk: changed(desk, '"box-1"', '"box-2"'), None, "fixed key", "device is 'box-2', on the box 'box-1'"),
        (lambda desk: changed(desk, "/data", "/else"), None, "fixed key", "data_dir"),
        (lambda desk: changed(desk, '"signing.pub"', '"mine.pub"'), None, "fixed key", "config_keys"),
        (lambda desk: desk.envelope('runtime_dir = "/x"\n' + desk.path.read_text()), None, "fixed key", "runtime_dir"),
    ],
)
def test_fault_44_what_must_not_be_obeyed_is_refused_with_its_reason(
    desk: Desk, made: Callable[[Desk], bytes], newest: int | None, reason: str, words: str
) -> None:
    with pytest.raises(PushRefusedError) as refused:
        desk.judged(made(desk), newest)
    assert refused.value.reason == reason
    assert words in refused.value.detail


def test_a_box_that_trusts_nobody_takes_nothing(desk: Desk) -> None:
    keys = desk.path.parent / "signing.pub"
    keys.chmod(0o666)
    with pytest.raises(PushRefusedError, match=r"no key: .*can be changed by others"):
        desk.judged(desk.envelope())
    desk.path.write_text(desk.path.read_text().partition("\n")[2])
    with pytest.raises(PushRefusedError, match="no key: config_keys is not set in"):
        desk.judged(desk.envelope())


def test_during_a_rotation_two_keys_are_trusted(desk: Desk) -> None:
    other = Trust(desk.path.parent / "other")
    keys = desk.path.parent / "signing.pub"
    keys.write_bytes(keys.read_bytes() + other.authority.signing_public.read_bytes())
    assert desk.judged(Desk(other, desk.path).envelope()).version == 7


def standing(desk: Desk) -> tuple[InForce, str, int | None]:
    found = take_up(desk.path)
    return found, found.standing, None if found.pushed is None else found.pushed.version


def kept(desk: Desk, change: Callable[[ConfigState], ConfigState]) -> ConfigStore:
    """Put a state on the card that a run before left."""
    found = take_up(desk.path)
    found.store.write(change(found.state))
    return found.store


def push(desk: Desk, version: int = 7) -> Pushed:
    toml = desk.path.read_text().replace("port = 8883", f"port = {9_000 + version}")
    return Pushed(version=version, toml=toml, confirm_s=60, since_ns=1)


def test_without_a_push_the_file_counts_and_nothing_is_written(desk: Desk) -> None:
    found, where, version = standing(desk)
    assert (where, version, found.on_card) == ("file", None, True)
    assert found.box is found.file
    assert not (desk.path.parent / "data" / NAME).exists()


def test_a_trial_is_on_the_card_as_begun_before_it_is_used_and_reverts_at_the_next_start(desk: Desk) -> None:
    kept(desk, lambda state: confirmed(begun(taken(state, push(desk, 6), "0" * 64)), 2))
    store = kept(desk, lambda state: taken(state, push(desk, 7), "0" * 64))
    found, where, version = standing(desk)
    assert (where, version) == ("trial", 7)
    assert found.box.brokers["alarm"].port == 9_007
    on_card = store.read()
    assert on_card is not None
    assert on_card.begun
    # A power cut, or a crash of what was tried: nobody ended it in order.
    found, where, version = standing(desk)
    assert (where, version) == ("confirmed", 6)
    assert found.box.brokers["alarm"].port == 9_006
    assert not found.on_card
    assert found.state.last is not None
    assert (found.state.last.outcome, found.state.last.version) == ("reverted", 7)
    assert standing(desk)[1] == "confirmed", "also when the revert could not be written"


def test_a_trial_that_the_card_does_not_take_is_not_begun(desk: Desk) -> None:
    store = kept(desk, lambda state: taken(state, push(desk), "0" * 64))
    (store.path.parent / f".{NAME}.new").mkdir()
    found, where, _ = standing(desk)
    assert where == "file"
    assert found.state.last is not None
    assert (found.state.last.outcome, found.state.last.reason) == ("reverted", "card")


def test_what_can_no_longer_be_used_gives_way_to_the_file(desk: Desk) -> None:
    toml = desk.path.read_text().replace("box-1/box-1.key", "box-1/own.key")
    own = desk.trust.folder / "devices/box-1/own.key"
    own.write_bytes((desk.trust.folder / "devices/box-1/box-1.key").read_bytes())
    own.chmod(0o600)
    pushed = Pushed(version=7, toml=toml, confirm_s=60, since_ns=1)
    kept(desk, lambda state: confirmed(begun(taken(state, pushed, "0" * 64)), 2))
    assert standing(desk)[1:] == ("confirmed", 7)
    own.unlink()
    found, where, _ = standing(desk)
    assert where == "file"
    assert "pushed version 7 cannot be used" in found.faults[0]
    assert found.state.confirmed is not None, "it may be usable again"


def test_a_damaged_memory_of_pushes_gives_way_to_the_file(desk: Desk) -> None:
    (desk.path.parent / "data" / NAME).write_bytes(b"\x00" * 4_096)
    found, where, _ = standing(desk)
    assert where == "file"
    assert "what was pushed cannot be read" in found.faults[0]


def test_a_file_that_was_changed_by_hand_rules(desk: Desk) -> None:
    kept(desk, lambda state: confirmed(begun(taken(state, push(desk), "0" * 64)), 2))
    desk.path.write_text(desk.path.read_text() + "# by hand\n")
    found, where, _ = standing(desk)
    assert (where, found.on_card) == ("file", False)
    assert found.state.last is not None
    assert found.state.last.outcome == "overruled"


def test_a_file_that_cannot_be_used_is_told_as_ever(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"telemetry_broker\.port"):
        take_up(written(tmp_path, "port = 8884", "port = 0"))
