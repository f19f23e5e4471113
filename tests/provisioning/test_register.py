"""The register survives its file, and a damaged file is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from provisioning.errors import UnusableError
from provisioning.register import Certificate, Register, Rotation, days_left, dump_register, load_register
from tests.provisioning.city import START


def entry(name: str, days: float, **changed: object) -> Certificate:
    known = {"kind": "device", "name": name, "serial": "01", "sha256": "02", "root": "03", "issued_at": START}
    return Certificate.model_validate(known | {"not_after": START + timedelta(days=days)} | changed)


REGISTER = (
    Register(rotation=Rotation(begun_at=START, old_root="03"))
    .with_certificates([entry("box-1", 1), entry("alarm", 9, kind="broker", hosts=("a.example",)), entry("box-1", 5)])
    .with_certificates([entry("box-2", 5), entry("box-3", 5)])
    .with_revoked("box-2", "stolen", START)
    .with_revoked("box-3", "lost", START)
    .with_restored("box-3", START)
)


def test_it_survives_its_file() -> None:
    body = dump_register(REGISTER)
    assert load_register(body, source="authority.json") == REGISTER
    assert body.count(b"\n") > 50  # a person can read it


def test_the_last_certificate_of_a_name_counts() -> None:
    assert REGISTER.current("device")["box-1"].not_after == START + timedelta(days=5)
    assert list(REGISTER.current("broker")) == ["alarm"]


def test_the_living_are_neither_expired_nor_revoked() -> None:
    assert [each.name for each in REGISTER.live(START)] == ["alarm", "box-1", "box-3"]
    assert [each.name for each in REGISTER.live(START + timedelta(days=5))] == ["alarm"]


def test_a_broker_cannot_be_shut_out_by_a_device_of_its_name() -> None:
    register = REGISTER.with_certificates([entry("alarm", 5)]).with_revoked("alarm", "stolen", START)
    assert [each.kind for each in register.live(START) if each.name == "alarm"] == ["broker"]


def test_the_first_revocation_stays() -> None:
    assert REGISTER.with_revoked("box-2", "another reason", START) is REGISTER


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not json"),
        (b"[]", "valid dictionary"),
        (b'{"format":2}', "format: "),
        (b'{"format":1,"format":1}', "duplicate key: format"),
        (b'{"more":1}', "more: Extra"),
        (b'{"certificates":[{"kind":"user"}]}', "certificates.0.kind: "),
        (dump_register(REGISTER)[:-3], "not json"),
        (dump_register(REGISTER).replace(b"2026-06-01T", b"never", 1), "issued_at"),
    ],
)
def test_a_damaged_register_is_told_in_a_line(body: bytes, why: str) -> None:
    with pytest.raises(UnusableError, match=r"^authority\.json: damaged register \(.*\); restore it") as told:
        load_register(body, source="authority.json")
    assert why in str(told.value)
    assert str(told.value).isprintable()


def test_days_left_are_whole_and_negative_when_past() -> None:
    wanted = {1.5: 1, 1: 1, 0.5: 0, 0: 0, -0.5: -1, -1.5: -2}
    assert {days: days_left(START + timedelta(days=days), START) for days in wanted} == wanted
