"""docs/ledger.md: its table is that of the types, and its command for keeping heads is run as it stands there."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from pathlib import Path
from typing import get_args

import pytest

from contract.identity import BodyHash, new_event_id
from duty_desk.incidents.entries import Entry, ErasedEntry, TextName
from duty_desk.ledger.texts import TEXTS
from duty_desk.ledger.verify import verify
from tests.duty_desk.conftest import REPO, Desk, box, press_body

PAGE = (REPO / "docs" / "ledger.md").read_text(encoding="utf-8")
_COMMON = {"kind", "at_ns", "at_clock"}


def test_the_table_of_entries_is_that_of_the_types() -> None:
    written = {}
    for row in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| [^|]+ \| ([^|]*) \| ([^|]*) \|$", PAGE, flags=re.M):
        words, plain, beside = (re.findall(r"`(\w+)`", cell) for cell in row)
        written[tuple(words)] = (set(plain), set(beside))
    expected = {}
    for entry in get_args(Entry):
        fields = entry.model_fields
        names = set(fields) - _COMMON
        kinds = get_args(fields["kind"].annotation)
        expected[tuple(kinds)] = (names - set(TEXTS), names & set(TEXTS))
    assert written == expected


def test_the_fields_that_hold_the_hash_of_a_text_are_known() -> None:
    pattern = next(str(one.pattern) for one in get_args(BodyHash)[1].metadata if hasattr(one, "pattern"))
    hashes = {
        name
        for entry in get_args(Entry)
        for name, field in entry.model_json_schema()["properties"].items()
        if pattern in str(field)
    }
    assert hashes == set(TEXTS)
    assert set(get_args(TextName)) == set(TEXTS) - {"why", "subject"}
    assert {"who", "why"} <= set(ErasedEntry.model_fields)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mosquitto_sub") is None, reason="mosquitto-clients is not installed")
async def test_heads_kept_by_the_command_on_the_page_are_in_the_chain(desk: Desk, tmp_path: Path) -> None:
    (command,) = re.findall(r"^mosquitto_sub .*$", PAGE, flags=re.M)
    authority = desk.alarm.trust.authority
    for written, here in (
        ("alarm.siaga.example -p 8884", f"127.0.0.1 -p {desk.alarm.centre_port}"),
        ("authority/trust.pem", str(authority.trust)),
        ("authority/accounts/bell-2", str(authority.accounts / "bell")),
        ("bell-2", "bell"),
        ("heads.jsonl", str(tmp_path / "heads.jsonl")),
    ):
        assert written in command
        command = command.replace(written, here)
    kept = tmp_path / "heads.jsonl"
    keeper = await asyncio.create_subprocess_shell(command, start_new_session=True)
    try:
        async with box(desk.alarm) as street:
            for wanted in (1, 2):
                await street.alarm(press_body(event_id=(event_id := new_event_id())))
                await street.receipt("stored", event_id=event_id)
                async with asyncio.timeout(15):
                    while not kept.exists() or len(kept.read_text().splitlines()) < wanted:  # noqa: ASYNC110 - a file
                        await asyncio.sleep(0.05)
    finally:
        os.killpg(keeper.pid, signal.SIGTERM)
        await keeper.wait()
    with kept.open() as lines:
        read = verify(desk.ledger, lines).heads
    assert read is not None
    assert (read.heads >= 2, read.unreadable) == (True, 0)
