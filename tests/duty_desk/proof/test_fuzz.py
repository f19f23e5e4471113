"""The OpenAPI against the desk: requests out of the description, and answers held against it."""

from __future__ import annotations

import pytest

from tests.duty_desk.conftest import NAMES, Desk
from tests.duty_desk.proof.fuzz import ask, some_incidents

EXAMPLES = 3
SEED = 1

pytestmark = pytest.mark.slow


def test_no_request_gets_a_5xx_and_each_answer_is_as_it_is_described(desk: Desk) -> None:
    asker = ask(desk, some_incidents(desk), examples=EXAMPLES, from_seed=SEED)
    assert asker.faults == {}
    # It was no walk along the fence: each role was let in where it may, and kept out where it may not.
    for role in NAMES:
        seen = {status for who, _, status in asker.told if who == role}
        assert {200, 422} <= seen, role
        assert (403 in seen) is (role != "supervisor"), role
    assert any(who == "officer" and status == 200 for who, what, status in asker.told if what.endswith("/note"))
    assert desk.get("/api/state")["recording"]


def test_without_a_session_the_description_is_not_told(desk: Desk) -> None:
    assert desk.request("GET", "/api/openapi.json", who=None)[1]["code"] == "no_session"
