"""Password hashes, and the order in which they are checked."""

from __future__ import annotations

import asyncio
import threading

import pytest

from duty_desk.access.errors import AccountError, TryLaterError
from duty_desk.access.passwords import AT_ONCE, MAX_QUEUED, NOBODY, Verifier, hash_password, verify_password
from duty_desk.access.people import check_display, check_name, check_password


@pytest.mark.slow
def test_a_hash_is_argon2id_by_rfc_9106_and_knows_its_password_alone() -> None:
    made = hash_password("kata sandi é\ud800")
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert verify_password(made, "kata sandi é\ud800")
    assert not verify_password(made, "kata sandi e")


@pytest.mark.slow
def test_a_name_without_an_account_costs_the_same() -> None:
    assert NOBODY.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not verify_password(NOBODY, "")


@pytest.mark.parametrize("password", ["short", "x" * 9, "petugas-1x", " Petugas-1X ", "x" * 257])
def test_a_password_that_cannot_be(password: str) -> None:
    with pytest.raises(AccountError):
        check_password("petugas-1x", password)
    assert check_password("petugas-1", "sepuluh huruf")


@pytest.mark.parametrize("name", ["", "Petugas", "a b", "-a", "a-", "é", "a" * 41, "../x", "a\n"])
def test_a_name_that_cannot_be(name: str) -> None:
    with pytest.raises(AccountError):
        check_name(name)


@pytest.mark.parametrize("shown", ["", "  ", "a\u202eb", "x" * 81, "\ud800"])
def test_a_shown_name_that_cannot_be(shown: str) -> None:
    with pytest.raises(AccountError):
        check_display(shown)


class Slow:
    """Checks that wait until they are let; in the order they come."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.go = threading.Event()
        self.most = 0
        self._now = 0

    def __call__(self, _hash: str, password: str) -> bool:
        self._now += 1
        self.most = max(self.most, self._now)
        self.order.append(password)
        self.go.wait(5)
        self._now -= 1
        return True


async def test_who_came_before_goes_first_and_the_queue_is_bounded() -> None:
    slow = Slow()
    verifier = Verifier(slow)
    try:
        waiting = []
        for number in range(MAX_QUEUED + AT_ONCE):
            waiting.append(asyncio.create_task(verifier.verify("", f"stranger {number}", rank=1), name="test"))
            await asyncio.sleep(0)
        with pytest.raises(TryLaterError):
            await verifier.verify("", "one too many", rank=1)
        officer = asyncio.create_task(verifier.verify("", "officer", rank=0), name="test")
        await asyncio.sleep(0)
        slow.go.set()
        assert await officer
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    finally:
        verifier.close()
    assert slow.order[:2] == ["stranger 0", "officer"]
    assert [type(answer) for answer in answers] == [bool] * MAX_QUEUED + [TryLaterError]
    assert slow.most == AT_ONCE


async def test_one_that_is_given_up_frees_its_place() -> None:
    slow = Slow()
    verifier = Verifier(slow)
    try:
        tasks = [asyncio.create_task(verifier.verify("", str(number), rank=1), name="test") for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.sleep(0)
        slow.go.set()
        assert await tasks[2]
    finally:
        verifier.close()
    assert slow.order == ["0", "2"]
