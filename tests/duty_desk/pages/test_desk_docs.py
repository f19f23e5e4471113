"""docs/desk.md says what the code does: states, settings, events, keys."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from contract.inventory import parse_inventory
from duty_desk.desk import DutyDesk
from duty_desk.incidents.board import Board
from duty_desk.incidents.diagram import DOCUMENT, placed
from duty_desk.incidents.incident import TRANSITIONS
from duty_desk.ledger.writer import Ledger
from duty_desk.settings import DeskSettings
from duty_desk.web.view import Places
from tests.duty_desk.conftest import INVENTORY
from tests.duty_desk.test_incident import NOW, ONE, alarm

TEXT = DOCUMENT.read_text(encoding="utf-8")


class Outlet:
    """Takes what goes to the brokers, of which there are none."""

    def send(self, topic: str, body: bytes) -> None:
        """Drop it."""

    def lamps(self, device: str) -> None:
        """Drop it."""


def section(title: str) -> str:
    """Return a section of the page."""
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", TEXT, flags=re.M | re.S)
    assert found is not None, title
    return found[1]


def test_the_diagram_is_of_the_table() -> None:
    assert placed(TEXT) == TEXT, "run: python -m duty_desk.incidents.diagram --write"
    arrows = re.findall(r"^    (\S+) --> (\w+) : (.*)$", TEXT, flags=re.M)
    shown = {
        (None if state == "[*]" else state, action): then
        for state, then, actions in arrows
        for action in actions.split(", ")
    }
    assert shown == dict(TRANSITIONS)


def test_a_document_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        placed("# The duty desk")


def settings_keys(model: type[BaseModel], before: str = "") -> set[str]:
    """Return the dotted keys of settings, those of tables within too."""
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        inner = [field.annotation, *get_args(field.annotation)]
        tables = [each for each in inner if isinstance(each, type) and issubclass(each, BaseModel)]
        keys.add(before + name)
        for table in tables:
            keys |= settings_keys(table, f"{before}{name}.")
    return keys


def test_each_setting_is_in_the_table_and_no_other() -> None:
    table, written = "", set()
    for row in re.findall(r"^\| (`.*?) \|", section("desk.toml"), flags=re.M):
        for key in re.findall(r"`([^`]+)`", row):
            if not key.startswith("…."):
                written.add(key)
                table = key
            else:
                written.add(table + key[1:])
    both = {key.replace("telemetry_broker", "alarm_broker") for key in settings_keys(DeskSettings)}
    told = {key.replace("telemetry_broker", "alarm_broker") for key in written}
    # A box's kind of log-in, told in words.
    by_certificate = {"alarm_broker.certificate", "alarm_broker.key"}
    tables = {"cap", "channels", "channels.push", "http", "access", "targets", "duty", "escalation", "synthetic"}
    assert told == both - tables - by_certificate
    assert "`certificate` and `key`" in section("desk.toml")


@pytest.fixture
def desk(tmp_path: Path) -> DutyDesk:
    """Return a desk with one incident, whose ledger does not run."""
    made = DutyDesk("desk", Places(parse_inventory(INVENTORY, source="test")), Outlet(), time.time_ns)
    made.ledger = Ledger(
        tmp_path / "ledger.db",
        past=Board,
        on_loaded=lambda _epoch_ms: None,
        on_committed=lambda _records, _head: None,
        on_others=lambda _records: None,
        on_state=lambda: None,
    )
    made.board.apply(made.board.press(alarm(), "alarm", NOW))
    return made


def event(name: str) -> list[str]:
    """Return the keys of an event's data, as the page names them."""
    found = re.search(rf"^\| `{name}` \| .*? \| (.*) \|$", section("For other systems"), flags=re.M)
    assert found is not None, name
    return re.findall(r"`(\w+)`", found[1])


def test_each_event_has_the_keys_that_are_named(desk: DutyDesk) -> None:
    state, beat = desk.state(), desk.beat()
    assert sorted(event("snapshot")) == sorted(state)
    assert sorted(event("beat")) == sorted(beat)
    assert set(event("incident")) == {"incident", "rings"}
    assert event("reach")[:2] == ["checking", "unreachable"]
    assert set(event("reach")[:2]) == set(state["reach"])
    desk.ringing.screens.join("p", ONE)
    (screen,) = desk.ringing.screens.view()
    assert set(event("screens")) == {"screens", *screen}
    desk.watch()
    for missing in state["reach"]["unreachable"]:
        assert set(event("reach")) == {"checking", "unreachable", *missing}


def test_an_incident_has_the_keys_that_are_named(desk: DutyDesk) -> None:
    (incident,) = desk.state()["incidents"]
    found = re.search(r"^An incident there: (.*)$", section("For other systems"), flags=re.M)
    assert found is not None
    told = re.sub(r"\(.*?\)", "", found[1])
    assert re.findall(r"`(\w+)`", told) == list(incident)
