"""Against a real Grafana, where the environment names one: the push twice, and each panel asked through it.

SIAGA_TEST_GRAFANA_URL and SIAGA_TEST_GRAFANA_TOKEN name it; SIAGA_TEST_GRAFANA_STORE, _STORE_USER and _STORE_PASSWORD
the store as it reaches it, 1.x with a reader; with SIAGA_TEST_GRAFANA_STORE_ORG a 2.x, whose reader's token is
SIAGA_TEST_GRAFANA_STORE_PASSWORD. Its folder `Siaga`, data source, dashboards and rules are made.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from dashboards.boards import DASHBOARDS
from dashboards.grafana.client import Client
from dashboards.grafana.stranger import try_all
from dashboards.grafana.wanted import wanted
from dashboards.model import Dashboard
from dashboards.push import changes, push
from dashboards.ranges import Range, ask
from store import StoreSettings

URL = os.environ.get("SIAGA_TEST_GRAFANA_URL", "")
TOKEN = os.environ.get("SIAGA_TEST_GRAFANA_TOKEN", "")
STORE = os.environ.get("SIAGA_TEST_GRAFANA_STORE", "http://127.0.0.1:8086")
USER = os.environ.get("SIAGA_TEST_GRAFANA_STORE_USER", "reader")
ORG = os.environ.get("SIAGA_TEST_GRAFANA_STORE_ORG", "")
PASSWORD = os.environ.get("SIAGA_TEST_GRAFANA_STORE_PASSWORD", "reader")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (URL and TOKEN), reason="SIAGA_TEST_GRAFANA_URL and _TOKEN name no Grafana"),
]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A real Grafana that has been pushed to."""
    made = Client(URL.rstrip("/") + "/", TOKEN, 30)
    made.version()
    reader = {"kind": "influxdb2", "org": ORG, "token_file": "x"} if ORG else {"username": USER, "password_file": "x"}
    things = wanted(
        StoreSettings.model_validate({"url": STORE, **reader}),
        PASSWORD,
        folder="Siaga",
        token=TOKEN,
    )
    push(made, changes(made, things))
    assert changes(made, things) == [], "a second push would change something"
    yield made
    made.close()


@pytest.mark.parametrize("board", DASHBOARDS.values(), ids=lambda board: board.uid)
def test_each_panel_s_questions_are_answered_through_it(client: Client, board: Dashboard) -> None:
    now = int(time.time() * 1_000)
    for days in (1, 7, 365):
        shown = Range(now - days * 86_400_000, now)
        for panel in board.panels:
            for question in panel.questions:
                text = ask(question.influxql, shown, device="box-1", sensor="river")
                answer = client.proxied(text, "siaga")
                assert [result.get("error") for result in answer["results"]] == [None], text


def test_a_stranger_changes_nothing_through_it(client: Client) -> None:
    outcomes = try_all(client.url, "siaga", ORG, 30)
    assert outcomes
    assert [outcome for outcome in outcomes if outcome.open] == []
