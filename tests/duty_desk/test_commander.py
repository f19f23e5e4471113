"""Commands of the desk: signed, told again, answered or known to be unanswered; and the channels that sound by them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract import topics
from contract.command import KIND
from contract.messages import Command, CommandOutcome, CommandReply, encode
from contract.signed import Document, verify
from duty_desk import commander as commander_module
from duty_desk.channels import sirens as sirens_module
from duty_desk.channels.channel import Page
from duty_desk.channels.sirens import SirenChannel
from duty_desk.command_key import CommandKey, read_command_key
from duty_desk.commander import ANSWER_S, EXPIRES_NS, MOST_WAITING, Commander
from duty_desk.errors import ChannelError, NotCommandedError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW: Final = 1_800_000_000 * 10**9
S: Final = 10**9


class Boxes:
    """Boxes that do as they are told, but for those in `mute`, which say nothing, and what `outcomes` says."""

    def __init__(self, key: CommandKey | None = None) -> None:
        self.sent: list[tuple[str, Document]] = []
        self.mute: set[str] = set()
        self.outcomes: dict[str, CommandOutcome] = {}
        self.wall_ns, self.monotonic_ns = NOW, 0
        self.commander = self.another(key)

    def another(self, key: CommandKey | None = None) -> Commander:
        """Return a commander of these boxes."""
        made = Commander(self, key or CommandKey(KEY), lambda: self.wall_ns, lambda: self.monotonic_ns)
        made.watched = frozenset({"box-1", "box-2", "box-3"})
        return made

    def stand_still(self, seconds: float) -> None:
        """Let time pass in which the desk does nothing."""
        self.wall_ns += int(seconds * S)
        self.monotonic_ns += int(seconds * S)

    def rounds(self, seconds: float) -> None:
        """Let time pass in which the desk looks twice a second."""
        for _ in range(int(2 * seconds)):
            self.stand_still(0.5)
            self.commander.round()

    def send(self, topic: str, body: bytes) -> None:
        """Take what goes to both brokers, and answer as a box does."""
        device = topic.split("/")[3]
        assert topic == topics.command(device)
        self.sent.append((device, verify(body, [KEY.public_key()], device=device, kind=KIND, newer_than=None)))
        if device not in self.mute:
            asyncio.get_running_loop().call_soon(self.answer, device, self.commands[-1])

    def answer(self, device: str, command: Command) -> None:
        """Let a box answer, by both brokers."""
        outcome = self.outcomes.get(device, "done")
        reply = CommandReply(device=device, id=command.id, outcome=outcome, detail="words", timestamp_ns=0)
        for _ in range(2):
            self.commander.hear(device, encode(reply))

    @property
    def commands(self) -> list[Command]:
        """What was commanded, in order."""
        return [Command.model_validate(document.content) for _, document in self.sent]


def page(status: str = "Actual") -> Page:
    """Return a page."""
    return Page("id", None, "", status, "title", "text", "incident", "/", NOW)  # type: ignore[arg-type]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for seconds."""
    monkeypatch.setattr(commander_module, "ANSWER_S", 0.5)
    monkeypatch.setattr(commander_module, "AGAIN_S", 0.1)
    monkeypatch.setattr(sirens_module, "_LOOK_S", 0.01)


async def test_a_command_is_signed_for_its_box_with_a_version_that_rises_whatever_the_clock_does() -> None:
    boxes = Boxes()
    for wall_ns in (NOW, NOW - 3_600 * S, NOW + 1):
        boxes.wall_ns = wall_ns
        reply = await boxes.commander.ask(boxes.commander.make("siren", "box-1", seconds=30))
        assert reply.outcome == "done"
        assert boxes.commands[-1].expires_at_ns == wall_ns + EXPIRES_NS
    versions = [document.version for _, document in boxes.sent]
    assert versions == sorted(set(versions))
    assert boxes.commander.wrong == {}


@pytest.mark.usefixtures("quick")
async def test_a_box_that_gives_no_answer_is_told_once_more_the_same_and_then_known() -> None:
    boxes = Boxes()
    boxes.mute = {"box-1"}
    with pytest.raises(NotCommandedError, match="no answer from box-1"):
        await boxes.commander.ask(boxes.commander.make("siren", "box-1", seconds=30))
    (_, first), (_, second) = boxes.sent
    assert first == second, "the same id: a box that did it does not do it again"
    assert boxes.commander.wrong == {"box-1": "no answer"}
    # An answer after the end changes nothing and raises nothing; the next one that is heard is well again.
    boxes.answer("box-1", boxes.commands[0])
    assert boxes.commander.wrong == {"box-1": "no answer"}
    # One that has expired, as after the desk stood still, is not told again.
    asked = asyncio.create_task(boxes.commander.ask(boxes.commander.make("siren", "box-1", seconds=30)))
    await asyncio.sleep(0)
    boxes.stand_still(EXPIRES_NS // S + 1)
    with pytest.raises(NotCommandedError):
        await asked
    assert len(boxes.sent) == 3
    boxes.mute = set()
    await boxes.commander.ask(boxes.commander.make("siren", "box-1", on=False))
    assert boxes.commander.wrong == {}


async def test_what_is_told_without_waiting_is_known_all_the_same() -> None:
    boxes = Boxes()
    boxes.mute = {"box-1"}
    boxes.outcomes = {"box-2": "refused"}
    for device in ("box-1", "box-2", "box-3"):
        boxes.commander.tell(boxes.commander.make("siren", device, seconds=30))
    await asyncio.sleep(0)
    boxes.rounds(ANSWER_S - 1)
    assert boxes.commander.wrong == {"box-2": "refused: words"}
    boxes.rounds(1)
    assert boxes.commander.wrong == {"box-2": "refused: words", "box-1": "no answer"}
    first, *_, last = (document for device, document in boxes.sent if device == "box-1")
    assert first == last, "told once more, the same"
    assert [device for device, _ in boxes.sent].count("box-1") == 2


async def test_a_desk_that_stood_still_does_not_count_that_time_as_a_boxs() -> None:
    """The answer waits to be read when the desk goes on; until then nobody is known to be silent."""
    boxes = Boxes()
    boxes.mute = {"box-1", "box-2"}
    for device in ("box-1", "box-2"):
        boxes.commander.tell(boxes.commander.make("siren", device, seconds=30))
    boxes.rounds(1)
    boxes.stand_still(8)
    boxes.commander.round()
    assert boxes.commander.wrong == {}
    boxes.answer("box-1", boxes.commands[0])
    boxes.rounds(ANSWER_S)
    assert boxes.commander.wrong == {"box-2": "no answer"}
    # What nobody would obey any more is not told again, and nobody is blamed for it.
    boxes.mute, boxes.commander = {"box-3"}, boxes.another()
    boxes.commander.tell(boxes.commander.make("siren", "box-3", seconds=30))
    before = len(boxes.sent)
    boxes.stand_still(EXPIRES_NS // S + 1)
    boxes.rounds(2 * ANSWER_S)
    assert (boxes.commander.wrong, len(boxes.sent)) == ({}, before)


async def test_a_box_that_gave_no_answer_is_asked_again_once_it_is_there_and_no_other_is() -> None:
    boxes = Boxes()
    boxes.mute, boxes.outcomes = {"box-1"}, {"box-2": "refused"}
    for name, device in (("beacon", "box-1"), ("siren", "box-2"), ("siren", "box-3")):
        boxes.commander.tell(boxes.commander.make(name, device, seconds=30))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    boxes.rounds(ANSWER_S)
    before, boxes.mute = len(boxes.sent), set()
    for device in ("box-1", "box-2", "box-3"):
        boxes.commander.found(device)
    assert [(each.command, each.device, each.on) for each in boxes.commands[before:]] == [("beacon", "box-1", False)]
    await asyncio.sleep(0)
    assert boxes.commander.wrong == {"box-2": "refused: words"}


async def test_the_look_for_who_gave_no_answer_leaves_those_who_are_waited_for() -> None:
    boxes = Boxes()
    boxes.mute = {"box-1"}
    asked = asyncio.create_task(boxes.commander.ask(boxes.commander.make("siren", "box-1", seconds=30)))
    await asyncio.sleep(0)
    boxes.rounds(ANSWER_S)
    boxes.answer("box-1", boxes.commands[0])
    assert (await asked).outcome == "done"
    assert boxes.commander.wrong == {}


async def test_the_latest_command_to_a_siren_tells_whether_it_obeys() -> None:
    """One that is told once more after a later one is refused as overtaken, and the siren is well."""
    boxes = Boxes()
    boxes.mute = {"box-1"}
    for on in (True, False):
        boxes.commander.tell(boxes.commander.make("siren", "box-1", on=on, seconds=30 if on else 0))
    first, second = boxes.commands
    boxes.answer("box-1", second)
    boxes.outcomes = {"box-1": "refused"}
    boxes.answer("box-1", first)
    assert boxes.commander.wrong == {}


async def test_only_the_box_itself_answers_for_it_and_nonsense_is_passed_over() -> None:
    boxes = Boxes()
    boxes.mute = {"box-1"}
    command = boxes.commander.make("siren", "box-1", seconds=30)
    boxes.commander.tell(command)
    reply = CommandReply(device="box-1", id=command.id, outcome="done", timestamp_ns=0)
    as_other = encode(reply.model_copy(update={"device": "box-2"}))
    for device, body in (("box-2", encode(reply)), ("box-2", as_other), ("box-1", as_other), ("box-1", b"\xff{")):
        boxes.commander.hear(device, body)
    boxes.rounds(ANSWER_S)
    assert boxes.commander.wrong == {"box-1": "no answer"}


async def test_only_sirens_that_are_relied_on_are_told_as_wrong() -> None:
    """A box that has no siren, asked by hand, or a test press that has to wait is nobody's fault."""
    boxes = Boxes()
    boxes.outcomes = dict.fromkeys(("box-1", "box-9"), "unknown")
    for command in (
        boxes.commander.make("siren", "box-9", seconds=1),
        boxes.commander.make("synthetic_press", "box-1", button="sos"),
    ):
        assert (await boxes.commander.ask(command)).outcome == "unknown"
    assert boxes.commander.wrong == {}
    await boxes.commander.ask(boxes.commander.make("beacon", "box-1", seconds=1))
    assert boxes.commander.wrong == {"box-1": "unknown: words"}


async def test_what_waits_is_bounded() -> None:
    boxes = Boxes()
    boxes.mute = {"box-1"}
    for _ in range(MOST_WAITING + 50):
        boxes.commander.tell(boxes.commander.make("siren", "box-1", seconds=1))
    assert len(boxes.commander._waiting) == MOST_WAITING


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (None, "siaga provision command-key make"),
        (lambda path: None, "cannot be read: No such file"),
        (lambda path: (path.write_text("nonsense"), path.chmod(0o600)), "no usable private key"),
        (lambda path: (path.write_text("nonsense"), path.chmod(0o640)), "chmod 600"),
    ],
)
async def test_without_a_key_nothing_is_sent_and_the_pages_say_what_to_do(
    tmp_path: Path, made: Callable[[Path], object] | None, words: str
) -> None:
    path = tmp_path / "desk.key"
    if made is not None:
        made(path)
    boxes = Boxes(read_command_key(None if made is None else path, sirens=True))
    boxes.commander.tell(boxes.commander.make("siren", "box-1", seconds=30))
    with pytest.raises(NotCommandedError, match=words):
        await boxes.commander.ask(boxes.commander.make("siren", "box-1", seconds=30))
    assert boxes.sent == []
    assert words in boxes.commander.wrong["desk"]


def test_a_desk_without_sirens_needs_no_key() -> None:
    assert read_command_key(None, sirens=False) == CommandKey()


@pytest.mark.usefixtures("quick")
async def test_a_page_sounds_every_siren_and_one_that_sounds_is_enough() -> None:
    boxes = Boxes()
    channel = SirenChannel("siren", ("box-1", "box-2"), boxes.commander, lambda: True)
    assert (await channel.send(page())).detail is None
    assert [(each.device, each.on, each.seconds) for each in boxes.commands] == [
        ("box-1", True, 30),
        ("box-2", True, 30),
    ]
    boxes.mute = {"box-1"}
    assert (await channel.send(page())).detail == "1 of 2"
    boxes.outcomes = {"box-2": "unknown"}
    with pytest.raises(ChannelError, match="no answer from box-1; box-2: unknown: words"):
        await channel.send(page())


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", ["Test", "Exercise"])
async def test_a_test_and_a_drill_sound_nothing_but_go_to_the_siren_and_back(status: str) -> None:
    boxes = Boxes()
    clock = [0.0]
    channel = SirenChannel("siren", ("box-1", "box-2"), boxes.commander, lambda: True, lambda: clock[0])
    await channel.send(page(status))
    assert [each.on for each in boxes.commands] == [False, False]
    boxes.outcomes = {"box-2": "refused"}
    with pytest.raises(ChannelError, match="box-2: refused: words"):
        await channel.send(page(status))
    # While it sounds for somebody, no test silences it.
    await channel.send(page())
    before = len(boxes.sent)
    assert (await channel.send(page(status))).detail == "in use"
    assert len(boxes.sent) == before
    clock[0] = 31.0
    boxes.outcomes = {}
    await channel.send(page(status))
    assert not boxes.commands[-1].on


@pytest.mark.usefixtures("quick")
async def test_what_this_channel_let_go_is_silenced_once_it_is_answered() -> None:
    boxes, unanswered = Boxes(), [True]
    channel = SirenChannel("beacon", ("box-1",), boxes.commander, lambda: unanswered[0])
    running = asyncio.create_task(channel.run(lambda report: None))
    await channel.send(page())
    await asyncio.sleep(0.05)
    assert [(each.command, each.on, each.seconds) for each in boxes.commands] == [("beacon", True, 120)]
    unanswered[0] = False
    async with asyncio.timeout(5):
        while len(boxes.sent) < 2:  # noqa: ASYNC110 - a list tells nobody
            await asyncio.sleep(0.005)
    assert [each.on for each in boxes.commands] == [True, False]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
