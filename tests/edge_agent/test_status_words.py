"""A box in words: both languages whole, what is wrong first, and no line too long for a telephone."""

from __future__ import annotations

import re

import pytest

from contract.messages import Report
from edge_agent.books import KILLED, POWER_CUT
from edge_agent.config_state import Outcome
from edge_agent.health import health_faults
from edge_agent.life_keeper import NOT_KEPT
from edge_agent.status import (
    AgentStatus,
    BoxStatus,
    ButtonStatus,
    CardStatus,
    ConfigStatus,
    FaultStatus,
    OutboxStatus,
    ReadingStatus,
    SensorStatus,
    SessionStatus,
    ThresholdStatus,
    WaitingPress,
)
from edge_agent.status_texts import FAULTS_ID, TEXTS, Language, default_language
from edge_agent.status_words import COLUMNS, fault_words, in_words
from edge_agent.trial_commands import TEXTS as TRIAL_TEXTS

_BOOKS = {"produced": 3, "receipted": 1, "waiting": 1, "dropped": {"memory full": 1}}
_PRESS = WaitingPress(event_id="e", button="sos", cause="press", status="Actual", pressed_at_ns=10**18)


def busy() -> AgentStatus:
    """Return an agent of which everything is to be told."""
    report = Report.model_validate(
        {
            "device": "box-1",
            "boot": "boot-1",
            "timestamp_ns": 10**18,
            "clock": "none",
            "software": "1",
            "readings": _BOOKS,
            "presses": _BOOKS,
            "faults": {POWER_CUT: 1, KILLED: 1, NOT_KEPT: 1},
            "sensors": {"gps": {"sentences": 1_000_000, "no fix": 1_000}},
        }
    )
    lost = FaultStatus(what="sensor gps", words="line lost: serial:///dev/ttyUSB0: gone; ttys here: none", lasts_s=61)
    return AgentStatus(
        pid=1,
        running_s=3_700.0,
        report=report,
        sessions={
            "alarm": SessionStatus(broker="broker:8883", connected=False, connects=1),
            "telemetry": SessionStatus(broker="broker:8884", connected=True, connects=2),
        },
        outboxes={"alarms.db": OutboxStatus(fault="alarms.db: disk I/O error", set_aside=1)},
        presses=[_PRESS],
        clock_floor=True,
        chattering={"sos": 41},
        sensors=[
            SensorStatus(
                id="gps",
                driver="nmea",
                readings=[ReadingStatus(sensor="gps", kind="position", fields={"latitude": -6.25}, age_s=0.4)],
            ),
            SensorStatus(id="river", driver="pattern", readings=[]),
        ],
        buttons=[ButtonStatus(id="sos", pressed=True, lamp="not_delivered")],
        thresholds=[ThresholdStatus(id="river-high", state="raised", value=3.25)],
        faults=[lost],
        cleared=[FaultStatus(what="sensor river", words="garbled: check it", lasts_s=5.0, over_s=7.0)],
        receipt_ages_s={"alarm": 75.0},
    )


@pytest.mark.parametrize("texts", [TEXTS, TRIAL_TEXTS])
def test_no_text_lacks_its_translation_or_a_value(texts: dict[str, tuple[str, str]]) -> None:
    for name, (indonesian, english) in texts.items():
        assert indonesian, name
        assert english, name
        assert sorted(re.findall(r"{\w+}", indonesian)) == sorted(re.findall(r"{\w+}", english)), name


@pytest.mark.parametrize("language", ["id", "en"])
def test_everything_is_told_in_80_columns_and_what_is_wrong_comes_first(language: Language) -> None:
    told = in_words(BoxStatus(device="box-1", data_dir="/", agent=busy()), "box.toml", language)
    lines = told.splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert lines[1] == ("GANGGUAN: 1" if language == "id" else "FAULTS: 1")
    assert lines[2].startswith("! sensor gps, ")
    assert "0:01:01" in lines[2]
    assert ("jalur putus: periksa kabel" in told) == (language == "id")
    assert "/dev/ttyUSB0" in told, "where it is, in every language"
    assert "latitude=-6.25" in told
    assert "0.4 s" in told
    assert ("TIDAK TERKIRIM" if language == "id" else "NOT DELIVERED") in told


def test_what_a_driver_counted_is_told_in_the_language() -> None:
    agent = busy()
    counts = {"sentences": 7, "no fix": 2, "of_a_citys_own": 1}
    agent = agent.model_copy(update={"report": agent.report.model_copy(update={"sensors": {"gps": counts}})})
    box = BoxStatus(device="box-1", data_dir="/", agent=agent)
    assert "hitungan: kalimat 7, tanpa posisi 2, of_a_citys_own 1" in in_words(box, "box.toml", "id")
    assert "counted: sentences 7, no fix 2, of_a_citys_own 1" in in_words(box, "box.toml", "en")


def test_an_agent_and_a_card_of_which_there_is_nothing_to_tell() -> None:
    box = BoxStatus(
        device="box-1", data_dir="/", card=CardStatus(presses=1, waiting=[_PRESS], unreadable=2, faults=["x"])
    )
    assert "agen tidak berjalan" in in_words(box, "box.toml", "id")
    assert "no agent runs" in in_words(box, "box.toml", "en")


def test_every_fault_of_the_boxs_health_is_told_in_indonesian() -> None:
    worst = {
        "under_voltage": 1,
        "cpu_temperature_c": 99.0,
        "disk_total_bytes": 100,
        "disk_free_bytes": 1,
        "disk_worn_pct": 99.0,
        "on_mains": 0,
        "link_up": 0,
        "memory_available_bytes": 1,
    }
    names = health_faults(worst) | health_faults({"throttled": 1, "link_signal_dbm": -99.0})
    assert len(names) == 9
    for name, advice in names.items():
        told, _ = fault_words(FaultStatus(what=f"box {name}", words=f"{name}: {advice}", lasts_s=0.0), "id")
        assert told == FAULTS_ID[f"box {name}"]


def test_a_fault_that_nobody_translated_is_told_in_its_own_words() -> None:
    fault = FaultStatus(what="sensor x", words="odd: turn it", lasts_s=0.0)
    assert fault_words(fault, "id") == ("odd: turn it", None)


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({"LANG": "id_ID.UTF-8"}, "id"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "id_ID.UTF-8", "LC_ALL": "C"}, "en"),
        ({}, "en"),
    ],
)
def test_the_terminals_language_counts(
    environ: dict[str, str], language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert default_language() == language


@pytest.mark.parametrize("language", ["id", "en"])
def test_where_the_configuration_is_from_and_why_a_push_was_taken_back(language: Language) -> None:
    why = {"outcome": "reverted", "version": 8, "reason": "centre not reached", "detail": "alarm: dead"}
    last = Outcome.model_validate({**why, "timestamp_ns": 1})
    agent = busy().model_copy(update={"config": ConfigStatus(standing="confirmed", version=7, last=last)})
    told = in_words(BoxStatus(device="box-1", data_dir="/", agent=agent), "box.toml", language)
    assert ("versi 7, dikukuhkan" if language == "id" else "version 7, confirmed") in told
    assert ("versi 8 DIKEMBALIKAN" if language == "id" else "version 8 TAKEN BACK") in told
    assert "centre not reached: alarm: dead" in told
    never = agent.model_copy(update={"config": ConfigStatus(standing="file")})
    assert "configuration" not in in_words(BoxStatus(device="box-1", data_dir="/", agent=never), "box.toml")
