"""Payloads that are good CBOR and not what their type says are refused, each by the one documented error."""

from __future__ import annotations

import pytest

from firmware_bridge.errors import FrameError
from firmware_bridge.frame import Frame, Payload
from firmware_bridge.messages import parse_from_board

HELLO: Payload = {0: 1, 1: "1.0", 2: "uno", 3: [2, 2, 2, 1], 4: 1, 5: 1}
EVENT: Payload = {0: 1, 1: 1, 2: 0, 3: 1, 4: 0, 5: 9}
BEAT: Payload = {0: 9, 1: b"\2", 2: 0, 3: 0, 4: 0}


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        *[
            (1, HELLO | wrong)
            for wrong in ({1: "1234567890123"}, {2: "é"}, {2: "\n"}, {2: 1}, {3: [1]}, {3: [1, 1, 1, 256]})
        ],
        *[(3, EVENT | wrong) for wrong in ({0: 0}, {0: 0x8000_0000}, {1: 2}, {1: 9}, {2: 256}, {4: "x"}, {1: 3, 3: 4})],
        *[(7, BEAT | wrong) for wrong in ({1: b"\4"}, {1: "x"}, {0: "x"})],
        *[(kind, {}) for kind in (1, 3, 6, 7)],
        (6, {0: 65_536, 1: 0, 2: 0}),
    ],
)
def test_a_payload_that_is_not_of_its_type_is_refused(kind: int, payload: Payload) -> None:
    with pytest.raises(FrameError, match="payload"):
        parse_from_board(Frame(kind, 0, payload))


@pytest.mark.parametrize(("kind", "payload"), [(1, HELLO), (3, EVENT), (7, BEAT)])
def test_a_key_that_is_not_known_is_passed_over(kind: int, payload: Payload) -> None:
    more: Payload = {23: "new"}
    assert parse_from_board(Frame(kind, 0, payload | more)) == parse_from_board(Frame(kind, 0, payload))


@pytest.mark.parametrize("kind", [0, 2, 4, 5, 8, 200])
def test_what_no_board_says_is_nothing(kind: int) -> None:
    assert parse_from_board(Frame(kind, 0, {})) is None
