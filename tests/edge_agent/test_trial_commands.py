"""The commands that try a box, where there is no whole stack: refused, unanswered, not understood. The whole way is in
`tests/end_to_end/test_technician.py`."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from contract.errors import EX_CONFIG
from edge_agent.requests import ERRORS
from edge_agent.status_command import NOT_RUNNING, UNKNOWN
from edge_agent.status_socket import NAME
from edge_agent.trial_commands import REFUSED, TEXTS, run_lamp_test, run_press
from tests.edge_agent.test_main import box_file


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the configuration of a box of which no agent runs."""
    return box_file(tmp_path_factory.mktemp("box"))


@contextmanager
def agent(config: Path, *answers: Any) -> Iterator[list[Any]]:
    """Stand for an agent that gives these answers, and yield what it was asked."""
    folder = config.parent / "box-1"
    folder.mkdir(exist_ok=True)
    asked: list[Any] = []
    with socket.socket(socket.AF_UNIX) as listener:
        (folder / NAME).unlink(missing_ok=True)
        listener.bind(str(folder / NAME))
        listener.listen()

        def work() -> None:
            for answer in answers:
                asker, _ = listener.accept()
                with asker:
                    asked.append(json.loads(asker.recv(4_096)))
                    asker.sendall((answer if isinstance(answer, bytes) else json.dumps(answer).encode()) + b"\n")

        thread = threading.Thread(target=work)
        thread.start()
        yield asked
        thread.join(5)
        assert not thread.is_alive()


def test_no_agent_and_no_configuration(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_press(config, "sos", out=io.StringIO(), language="id") == NOT_RUNNING
    assert "Agen tidak berjalan" in capsys.readouterr().err
    assert run_lamp_test(tmp_path / "none.toml", "sos", out=io.StringIO()) == EX_CONFIG


@pytest.mark.parametrize("error", ERRORS)
def test_every_refusal_is_worded(config: Path, capsys: pytest.CaptureFixture[str], error: str) -> None:
    with agent(config, {"error": error}) as asked:
        assert run_press(config, "sos", out=io.StringIO(), language="id") == REFUSED
    assert asked == [{"press": "sos"}]
    assert capsys.readouterr().err.strip() == TEXTS[error][0]


@pytest.mark.parametrize("answer", [b"[]", b"{", {}, {"error": "of tomorrow"}])
def test_an_agent_of_another_version_is_told_as_such(
    config: Path, capsys: pytest.CaptureFixture[str], answer: Any
) -> None:
    with agent(config, answer):
        assert run_lamp_test(config, "sos", out=io.StringIO(), language="en") == UNKNOWN
    assert "another version" in capsys.readouterr().err


def test_a_test_press_that_does_not_arrive_says_so_after_its_time(config: Path) -> None:
    out = io.StringIO()
    hops = {"hops": {"card": 3.0, "no answer alarm": 2_000.0}}
    with agent(config, {"event_id": "e"}, hops) as asked:
        assert run_press(config, "sos", out=out, language="en", timeout_s=0.2, pause=_rest) == REFUSED
    assert asked[1] == {"hops": "e"}
    assert "no answer from the alarm broker" in out.getvalue()
    assert "DID NOT ARRIVE within 0.2 s" in out.getvalue()


def _rest(seconds: float) -> None:
    threading.Event().wait(seconds + 0.1)
