"""Who starts late, or missed a message, hears how incidents stand: they are told again, in turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract import topics
from contract.identity import new_event_id
from duty_desk import service as service_module
from duty_desk.incidents.board import Board
from duty_desk.incidents.retelling import ENDED_S, MOST, Retelling
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.test_incident import NOW, alarm, do, press
from tests.duty_desk.test_parts import running


def _ids(board: Board, retelling: Retelling, now_ns: int = NOW) -> list[str]:
    return [each.id for each in retelling.due(board.active(), board.ended(), now_ns)]


def test_each_that_is_not_over_is_told_in_each_round() -> None:
    board, retelling = Board(), Retelling()
    known = {press(board, alarm(button)).id for button in ("a", "b", "c")}
    for _ in range(3):
        told = _ids(board, retelling)
        assert set(told) == known
        assert len(told) == 3


def test_one_that_ended_is_told_for_a_minute_more() -> None:
    board, retelling = Board(), Retelling()
    incident = do(board, "cancel", press(board, alarm()), reason="false_alarm")
    assert _ids(board, retelling, NOW + int((ENDED_S - 1) * 1e9)) == [incident.id]
    assert _ids(board, retelling, NOW + int(ENDED_S * 1e9)) == []


def test_in_a_flood_they_go_in_turns_and_nobody_is_left_out() -> None:
    board, retelling = Board(), Retelling()
    known = {press(board, alarm(f"button-{number}")).id for number in range(2 * MOST + 20)}
    rounds = [_ids(board, retelling) for _ in range(3)]
    assert [len(told) for told in rounds] == [MOST] * 3
    assert set().union(*rounds) == known


@pytest.mark.slow
async def test_who_connects_while_an_incident_is_open_hears_of_it(
    tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "ROUND_S", 0.2)
    async with running(Desk(tmp_path, alarm_broker, telemetry_broker)) as (service, _):
        for connected in service._lanes.connected.values():
            await connected.wait()
        async with box(alarm_broker) as street:
            await street.alarm(press_body(event_id=(event_id := new_event_id())))
            stored = await street.receipt("stored", event_id=event_id)
        for broker in (alarm_broker, telemetry_broker):
            async with box(broker) as late:
                body = await late.wait(topics.INCIDENT)
                assert (body["incident_id"], body["state"]) == (stored["incident_id"], "open")
