from __future__ import annotations

import subprocess
import sys
import time

import pytest

from edge_agent.drivers.pattern.regex import MOST_PATTERN_CHARACTERS, Regex


def test_named_groups() -> None:
    regex = Regex(r"(x)(?P<a>[0-9]+)(?<b>y)?")
    assert regex.groups == ["a", "b"]
    assert regex.search(b"..x12y") == {"a": b"12", "b": b"y"}
    assert regex.search(b"x1") == {"a": b"1", "b": None}
    assert regex.search(b"x") is None


def test_any_byte_is_one_character() -> None:
    assert Regex(r"(?P<a>\xB0.)").search(b"\xb0\xff") == {"a": b"\xb0\xff"}


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(?P<a>x", "not a pattern: missing"),
        (r"(?P<a>x)\1", "invalid escape"),
        ("(?P<a>x)(?=y)", "invalid perl operator"),
        ("(?P<a>x)(?P<a>y)", "the group 'a' appears twice"),
        ("(?P<a>°)", "all ASCII"),
        ("(?P<a>x)" + "x" * MOST_PATTERN_CHARACTERS, "at most 1000 characters"),
        ("(?P<a>((x{1000}){1000}){9})", "not a pattern"),
        ("(?P<a>" + "(?:[a-z]{99}|[^x]{99})" * 40 + ")", "not a pattern"),
    ],
)
def test_a_mistake_is_told(pattern: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Regex(pattern)


HOSTILE = {
    "nested": "(?P<a>(x+x+)+)y",
    "polynomial": "(?P<a>.*.*.*.*.*.*.*=.*)!",
    "optional": "(?P<a>" + "x?" * 300 + "x" * 300 + ")$",
    "counted": "(?P<a>(((x{1,30}){1,30})!)?)!",
    "alternatives": "(?P<a>(x|xx|xxx|xxxx)*)!",
}


@pytest.mark.parametrize("pattern", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_pattern_takes_bounded_time(pattern: str) -> None:
    try:
        regex = Regex(pattern)
    except ValueError:
        return  # its program is too large: refused, which is bounded too
    began = time.process_time()
    for _ in range(10):
        regex.search(b"x" * 1_024)
    # Python's own engine takes longer than the universe for the first of them. A busy machine may slow a millisecond
    # to several; process time does not count the others' turns.
    assert (time.process_time() - began) / 10 < 0.1


def test_a_machine_without_re2_is_told_so() -> None:
    program = """if True:
        import sys
        sys.modules["re2"] = None
        from edge_agent.drivers.pattern.regex import Regex
        try:
            Regex("(?P<a>x)")
        except ValueError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "the driver pattern needs google-re2, which is not installed on this machine\n"
