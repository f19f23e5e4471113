"""What a file with a secret must be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import PrivateFileError
from contract.secret import MAX_PASSWORD_BYTES, parse_password, refuse_others


@given(st.integers(0, 0o7777))
def test_any_right_of_group_or_others_is_refused(mode: int) -> None:
    if mode & 0o077:
        with pytest.raises(PrivateFileError, match=r"chmod 600 a\.key"):
            refuse_others("a.key", mode)
    else:
        refuse_others("a.key", mode)


@pytest.mark.parametrize("body", [b"secret", b"secret\n", b"secret\r\n"])
def test_one_line_is_a_password(body: bytes) -> None:
    assert parse_password("p", body) == "secret"


@pytest.mark.parametrize(
    "body",
    [b"", b"\n", b"one\ntwo\n", b"\x00", b"\xff\xfe", b"tab\there", b"x" * (MAX_PASSWORD_BYTES + 1)],
    ids=["empty", "blank", "two lines", "NUL", "not UTF-8", "a tab", "too long"],
)
def test_anything_else_is_none(body: bytes) -> None:
    with pytest.raises(PrivateFileError, match=r"^p "):
        parse_password("p", body)
