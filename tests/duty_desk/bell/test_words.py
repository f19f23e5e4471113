"""What the bell's SMS say."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from contract.inventory import Inventory, parse_inventory
from duty_desk.bell.judge import Cause
from duty_desk.bell.words import MAX_SMS, Language, explained, sms_text, test_text, title
from tests.duty_desk.conftest import INVENTORY

T0 = 1_795_325_400 * 10**9
WIB = ZoneInfo("Asia/Jakarta")
KNOWN = parse_inventory(INVENTORY, source="test")
test_text.__test__ = False  # type: ignore[attr-defined]


def press(device: str = "box-1", button: str = "sos", at_ns: int = T0 - 8 * 10**9) -> Cause:
    return Cause("key", f"press {device}/{button}", (device, button), at_ns)


def test_a_press_is_told_with_its_place_and_its_time() -> None:
    assert (
        sms_text([Cause("desk", "desk"), press()], KNOWN, "id", T0, WIB)
        == (
            "12:30:00 WIB: Tombol darurat tanpa jawaban meja: Jl. Braga 10, depan Gedung Merdeka, pukul 12:29:52 WIB. "
            "Meja tidak terdengar. Cek komputer meja."[: MAX_SMS - len("SIAGA BEL ")]
        )
    )
    assert "Panic button" in sms_text([press()], KNOWN, "en", T0, WIB)


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("desk", "desk: Meja tidak terdengar. Cek komputer meja. / The desk is not heard. Look at its computer."),
        ("press box-1/sos", "press box-1/sos: penekanan tanpa jawaban meja / a press without the desk's answer"),
        ("something new", "something new"),
    ],
)
def test_a_cause_is_explained_in_both_languages(why: str, words: str) -> None:
    assert explained(why) == words


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (("box-1", "other"), "Alun-Alun"),
        (("box-2", "other"), "Kotak Dago (box-2/other)"),
        (("box-9", "sos"), "box-9/sos"),
    ],
)
def test_a_place_nobody_told_it_is_named_as_well_as_it_can(place: tuple[str, str], words: str) -> None:
    assert words in sms_text([press(*place)], KNOWN, "id", T0, WIB)
    assert "/".join(place) in sms_text([press(*place)], Inventory(), "id", T0, WIB)


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("key", ["desk", "alarm broker", "telemetry broker"])
def test_each_cause_has_its_words_and_one_sms_takes_them(language: Language, key: str) -> None:
    many = [press("box-1")] * 500 + [Cause(key, key)]
    for causes in (many, many[-1:]):
        text = f"{title(language)} {sms_text(causes, KNOWN, language, T0, WIB)}"
        assert len(text) <= MAX_SMS
        assert text.isascii()
    assert "499" in sms_text(many, Inventory(), language, T0, WIB)
    assert test_text(language)


def test_letters_that_an_sms_does_not_have_are_written_without_their_marks() -> None:
    known = parse_inventory(
        INVENTORY.replace("Jl. Braga 10, depan Gedung Merdeka", "Café Tjéndana → ☕"), source="test"
    )
    assert "Cafe Tjendana ? ?" in sms_text([press()], known, "id", T0, WIB)


@pytest.mark.parametrize(("zone", "told"), [("Asia/Jakarta", "12:29:52 WIB"), ("Asia/Jayapura", "14:29:52 WIT")])
def test_the_time_is_that_of_the_city(zone: str, told: str) -> None:
    assert f"pukul {told}" in sms_text([press()], KNOWN, "id", T0, ZoneInfo(zone))
