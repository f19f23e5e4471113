"""What is said of a board is there in Indonesian and English, with the same values, and nothing is said without."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import firmware_bridge
from edge_agent.status import FaultStatus
from edge_agent.status_words import fault_words
from firmware_bridge.flash import Output, refusal
from firmware_bridge.image import Image, ImageError, read_image
from firmware_bridge.messages import Hello, LineClass
from firmware_bridge.words import TEXTS, WRONG_ID, Listed, text, wrong_words

ROOM = Path(firmware_bridge.__file__).parent


@pytest.mark.parametrize("name", TEXTS)
def test_both_languages_have_the_same_values(name: str) -> None:
    indonesian, english = TEXTS[name]
    assert indonesian
    assert sorted(re.findall(r"\{(\w+)", indonesian)) == sorted(re.findall(r"\{(\w+)", english))


def test_each_text_that_is_asked_for_is_there_with_its_values_and_each_that_is_there_is_asked_for() -> None:
    said: set[str] = {each.name.lower() for each in LineClass}
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in ("text", "words"):
                continue
            names = [each.value for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant)]
            for name in (each for each in names if isinstance(each, str)):
                wanted = set(re.findall(r"\{(\w+)", TEXTS[name][1]))
                assert wanted == {each.arg for each in node.keywords}, f"{path.name}: {name}"
                said.add(name)
    by_value = {"press", "release", "line", "stuck", "lamp", "siren", "asking", "writing", "verifying", "done"}
    assert said | by_value == set(TEXTS)


def test_each_fault_of_a_board_has_indonesian_words() -> None:
    """The reasons as they stand in the code that finds them."""
    source = "".join((ROOM / name).read_text() for name in ("supervision.py", "link.py"))
    reasons = set(re.findall(r'(?:return|BoardError\() ?f?"([a-z ]+): ', source))
    reasons |= set(re.findall(r'BoardError\(f"(hung up); ', source))
    reasons -= {"boards here"}  # a part of what stands behind
    assert reasons == set(WRONG_ID)
    for reason in reasons:
        words, own = fault_words(FaultStatus(what="board ttyACM0", words=f"{reason}: 42", lasts_s=1.0), "id")
        assert words == WRONG_ID[reason]
        assert own in (None, f"{reason}: 42")
        assert wrong_words(f"{reason}: 42", "id").startswith(WRONG_ID[reason])
        assert wrong_words(f"{reason}: 42", "en") == f"{reason}: 42"
    assert "/dev/ttyACM0" in wrong_words("lost: no such device; fuser /dev/ttyACM0", "id"), "a port in every language"
    assert wrong_words("odd: turn it", "id") == "odd: turn it"


def test_what_is_refused_and_what_fails_is_said_in_indonesian() -> None:
    with pytest.raises(ImageError) as refused:
        read_image("")
    assert refused.value.told.words("id") == "terpotong: rekaman terakhirnya tidak ada"
    older = refusal(Image(b"", "uno-328p", "s", 1), Hello(2, "s", "uno-328p", 2, 2, 2, 1, 1, 1))
    assert older is not None
    assert older.words("id").startswith("berkas ini memakai protokol 1, sedangkan papan sudah memakai 2")
    half = Output(phase="writing", percent=4).why()
    assert half.words("id").startswith("gagal pada 4 % penulisan; papan setengah tertulis")
    assert text("how", up=1, lines=Listed(()), down=Listed((1, 2)), presses=0, waiting=0).words("id") == (
        "hidup 1 s, jalur tidak ada, tombol ditekan 1, 2, 0 penekanan sejak awal, 0 menunggu"
    )
