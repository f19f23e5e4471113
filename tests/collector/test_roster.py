"""What is remembered of the devices, and its bounds."""

from __future__ import annotations

import pytest

from collector.roster import MAX_SENSORS_A_DEVICE, MAX_STREAMS_A_DEVICE, Device, Roster
from contract.topics import telemetry, telemetry_receipt


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("siaga/v1/up/box-1/telemetry", "box-1"),
        ("siaga/v1/up/box-1/alarm", None),
        ("siaga/v1/up/BOX/telemetry", None),
        ("siaga/v1/up//telemetry", None),
        ("siaga/v1/up/+/telemetry", None),
        ("siaga/v1/up/#/telemetry", None),
        ("siaga/v1/up/box-1/telemetry/", None),
        ("siaga/v1/up/box-1/telemetry\n", None),
        ("/siaga/v1/up/box-1/telemetry", None),
        ("siaga/v1/up/" + "a" * 63 + "/telemetry", "a" * 63),
        ("siaga/v1/up/" + "a" * 64 + "/telemetry", None),
        ("", None),
        ("x" * 65_535, None),
    ],
)
def test_the_topic_names_the_device(topic: str, device: str | None) -> None:
    roster = Roster()
    for _ in range(2):
        found = roster.at(topic)
        assert (found.name if found else None) == device
    assert len(roster.devices) == (device is not None), "a topic of nobody is not remembered"


def test_a_device_knows_its_topics() -> None:
    device = Roster().at(telemetry("box-1"))
    assert device is not None
    assert (device.topic, device.receipt_topic) == (telemetry("box-1"), telemetry_receipt("box-1"))


def test_devices_are_bounded_and_the_oldest_goes() -> None:
    roster = Roster(max_devices=3)
    for number in range(5):
        assert roster.at(telemetry(f"box-{number}"))
    assert list(roster.devices) == [telemetry(f"box-{number}") for number in (2, 3, 4)]
    assert roster.at(telemetry("box-0"))


def test_streams_are_bounded_and_the_oldest_goes_with_its_notes_kept_by_who_holds_it() -> None:
    device = Device("box-1")
    first = device.stream("0" * 16)
    first.noted += (7, 7)
    assert device.stream("0" * 16) is first
    for number in range(1, MAX_STREAMS_A_DEVICE + 1):
        device.stream(f"{number:016x}")
    assert len(device.streams) == MAX_STREAMS_A_DEVICE
    assert device.stream("0" * 16) is not first
    assert first.noted == [7, 7]


def test_sensors_are_bounded_and_those_known_stay() -> None:
    device = Device("box-1")
    assert all(device.admits(f"s-{number}") for number in range(MAX_SENSORS_A_DEVICE))
    assert not device.admits("one-more")
    assert device.admits("s-0")
    assert device.heads["s-0"] == ",device=box-1,sensor=s-0 "
    assert "one-more" not in device.heads
