"""How long a session lasts, in made-up time."""

from __future__ import annotations

from dataclasses import replace

from duty_desk.access.book import MAX_OF_ONE, MAX_SESSIONS, Book, token_hash
from duty_desk.access.people import Account, ApiToken

HOUR = 3_600 * 10**9
OFFICER = Account("petugas-1", "Petugas 1", "officer", "-", False, 1, 0)


def book(*accounts: Account) -> Book:
    made = Book(idle_s=14 * 3_600, most_s=7 * 86_400)
    made.learn(accounts or (OFFICER,), ())
    return made


def test_a_session_lasts_while_it_is_used_and_after_a_week_only_while_its_page_is_open() -> None:
    sessions = book()
    token, session, _ = sessions.open(OFFICER, "Layar 1", 0)
    for hour in range(0, 168, 14):
        assert sessions.find(token, hour * HOUR) == (session, OFFICER), hour
        session.used_ns = hour * HOUR
    session.used_ns = 168 * HOUR
    assert sessions.find(token, 168 * HOUR) is not None
    assert sessions.find(token, 169 * HOUR) is not None
    assert sessions.find(token, 169 * HOUR + 1) is None
    assert sessions.sweep(169 * HOUR + 1) == [(session, "expired")]
    assert sessions.sweep(169 * HOUR + 1) == []


def test_a_session_never_ends_under_a_page_that_is_open() -> None:
    sessions = book()
    token, session, _ = sessions.open(OFFICER, "Layar 1", 0)
    for hour in range(24 * 60):
        assert sessions.sweep(hour * HOUR) == [], hour
        session.used_ns = hour * HOUR
    assert sessions.find(token, session.used_ns + HOUR) is not None
    assert sessions.find(token, session.used_ns + HOUR + 1) is None


def test_a_short_idle_time_holds_for_an_old_session_too() -> None:
    sessions = Book(idle_s=600, most_s=3_600)
    sessions.learn((OFFICER,), ())
    token, session, _ = sessions.open(OFFICER, None, 0)
    session.used_ns = 2 * HOUR
    assert sessions.find(token, 2 * HOUR + 600 * 10**9) is not None
    assert sessions.find(token, 2 * HOUR + 600 * 10**9 + 1) is None


def test_a_session_that_is_not_used_ends() -> None:
    sessions = book()
    token, session, _ = sessions.open(OFFICER, None, 0)
    assert sessions.find(token, 14 * HOUR) is not None
    assert sessions.find(token, 14 * HOUR + 1) is None
    assert sessions.sweep(14 * HOUR + 1) == [(session, "expired")]


def test_every_change_of_the_account_ends_its_sessions_and_nobody_elses() -> None:
    other = replace(OFFICER, name="petugas-2", display="Petugas 2")
    for changed in (replace(OFFICER, disabled=True), replace(OFFICER, generation=2), None):
        sessions = book(OFFICER, other)
        token, session, _ = sessions.open(OFFICER, None, 0)
        kept, _, _ = sessions.open(other, None, 0)
        sessions.learn([other] if changed is None else [changed, other], ())
        assert sessions.find(token, 1) is None
        assert sessions.find(kept, 1) is not None
        assert sessions.sweep(1) == [(session, "changed")]


def test_there_are_so_many_and_the_one_unused_for_longest_makes_room() -> None:
    sessions = book()
    tokens = [sessions.open(OFFICER, None, time)[0] for time in range(MAX_OF_ONE)]
    _, _, ended = sessions.open(OFFICER, None, MAX_OF_ONE)
    assert [session.token_hash for session in ended] == [token_hash(tokens[0])]
    people = [replace(OFFICER, name=f"n{number}", display=f"N {number}") for number in range(MAX_SESSIONS + 5)]
    sessions = book(*people)
    first = sessions.open(people[0], None, 0)[0]
    for account in people[1:]:
        sessions.open(account, None, 1)
    assert sessions.find(first, 1) is None
    assert len(sessions.used_since(-1)) == MAX_SESSIONS


def test_only_the_hash_of_a_token_is_kept_and_a_token_of_another_system_is_no_session() -> None:
    sessions = book()
    token, session, _ = sessions.open(OFFICER, None, 0)
    assert len(token) == 43
    assert token not in repr(session)
    system = ApiToken("walls", token_hash("secret"), 0)
    sessions.learn((OFFICER,), (system,))
    assert sessions.api_token("secret") == system
    assert sessions.api_token(token) is None
    assert sessions.find("secret", 1) is None
    assert sessions.find("\ud800", 1) is None
