"""Topics: what is made can be taken apart, and nothing else can."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import topics
from contract.errors import TopicError
from contract.topics import UpTopic, parse_up


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        (topics.telemetry("box-1"), UpTopic("box-1", "telemetry")),
        (topics.alarm("box-1"), UpTopic("box-1", "alarm")),
        (topics.status("box-1", "alarm"), UpTopic("box-1", "status", "alarm")),
        (topics.status("box-1", "telemetry"), UpTopic("box-1", "status", "telemetry")),
        (topics.report("box-1"), UpTopic("box-1", "report")),
        ("siaga/v1/up/0/reply", UpTopic("0", "reply")),
        (f"siaga/v1/up/{'a' * 63}/alarm", UpTopic("a" * 63, "alarm")),
    ],
)
def test_up_topics(topic: str, expected: UpTopic) -> None:
    assert parse_up(topic) == expected


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "/",
        "siaga/v1/up/box-1",
        "siaga/v1/up/box-1/",
        "siaga/v1/up//alarm",
        "siaga/v1/up/box-1//alarm",
        "/siaga/v1/up/box-1/alarm",
        "siaga/v1/up/box-1/alarm/",
        "siaga/v1/up/box-1/alarm\n",
        "siaga/v1/up/box-1\n/alarm",
        "siaga/v1/up/+/alarm",
        "siaga/v1/up/#",
        "siaga/v1/up/box-1/+",
        "siaga/v1/up/box-1/#",
        "siaga/v1/up/box-1/status",
        "siaga/v1/up/box-1/status/other",
        "siaga/v1/up/box-1/alarm/alarm",
        "siaga/v1/up/Box-1/alarm",
        "siaga/v1/up/-box/alarm",
        "siaga/v1/up/box_1/alarm",
        "siaga/v1/up/box 1/alarm",
        "siaga/v1/up/böx/alarm",
        f"siaga/v1/up/{'a' * 64}/alarm",
        f"siaga/v1/up/{'a' * 65_000}/alarm",
        "siaga/v1/up/box-1/" + "a" * 65_000,
        "siaga/v1/down/box-1/alarm/receipt",
        "siaga/v2/up/box-1/alarm",
        "siaga/v1/up/box-1/ALARM",
        "$SYS/broker/load",
        "\ud800",
        "siaga/v1/up/\x00/alarm",
    ],
    ids=lambda topic: ascii(topic[:40]),
)
def test_no_topic_of_ours(topic: str) -> None:
    with pytest.raises(TopicError) as caught:
        parse_up(topic)
    assert caught.value.reason == "unknown topic"
    assert len(str(caught.value)) < 300


@given(topic=st.text(max_size=60) | st.text(max_size=20).map(lambda level: f"siaga/v1/up/{level}/alarm"))
def test_any_text_parses_or_raises_topic_error(topic: str) -> None:
    with contextlib.suppress(TopicError):
        assert parse_up(topic).device in topic


@pytest.mark.parametrize(
    ("topic_filter", "matching"),
    [
        (topics.ALL_TELEMETRY, topics.telemetry("box-1")),
        (topics.ALL_ALARMS, topics.alarm("box-1")),
        (topics.ALL_STATUS, topics.status("box-1", "alarm")),
        (topics.ALL_REPORTS, topics.report("box-1")),
        (topics.ALL_SCREENS, topics.wall_screen(24)),
    ],
)
def test_filters_match_the_topics_level_by_level(topic_filter: str, matching: str) -> None:
    levels = zip(topic_filter.split("/"), matching.split("/"), strict=True)
    assert all(wanted in ("+", level) for wanted, level in levels)


def test_the_way_down_is_spelled_as_the_design_has_it() -> None:
    assert topics.alarm_receipt("box-1") == "siaga/v1/down/box-1/alarm/receipt"
    assert topics.lamp("box-1") == "siaga/v1/down/box-1/alarm/lamp"
    assert topics.command("box-1") == "siaga/v1/down/box-1/command"
    assert topics.config("box-1") == "siaga/v1/down/box-1/config"
    assert topics.reply("box-1") == "siaga/v1/up/box-1/reply"
    assert topics.telemetry_receipt("box-1") == "siaga/v1/down/box-1/telemetry/receipt"
    assert (topics.HEARTBEAT, topics.INCIDENT) == ("siaga/v1/desk/heartbeat", "siaga/v1/desk/incident")
    assert topics.INVENTORY == "siaga/v1/centre/inventory"
    assert topics.wall_screen(7) == "siaga/v1/wall/screen/7"
