"""The figures for Prometheus: as the docs have them, none missing, and no label breaks the format."""

from __future__ import annotations

import re
from pathlib import Path

from edge_agent.metrics import METRICS, PREFIX, Process, render
from edge_agent.status import FaultStatus
from tests.edge_agent.test_status_words import busy

DOCS = Path(__file__).parents[2] / "docs" / "edge-metrics.md"
PROCESS = Process(1.5, 50_000_000, 3)


def figures(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert re.fullmatch(r'[a-z_]+(\{[a-z]+="(\\.|[^"\\])*"(,[a-z]+="(\\.|[^"\\])*")*\})?', name), line
            found[name.removeprefix(PREFIX)] = float(value)
    return found


def test_every_metric_is_documented_and_every_documented_one_exists() -> None:
    documented = {
        (name, kind, tuple(labels.split(", ")) if labels else ())
        for name, kind, labels in re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*?) ?\|", DOCS.read_text(), re.M)
    }
    assert documented == {(PREFIX + metric.name, metric.type, metric.labels) for metric in METRICS}


def test_a_counter_is_called_one_and_every_metric_has_its_head() -> None:
    text = render(busy(), PROCESS)
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.type == "counter"), metric.name
        assert f"# TYPE {PREFIX}{metric.name} {metric.type}\n" in text
        assert f"# HELP {PREFIX}{metric.name} {metric.help}\n" in text


def test_a_busy_box_as_figures() -> None:
    found = figures(render(busy(), PROCESS))
    assert found["presses_waiting"] == 1
    assert found['readings_dropped_total{reason="memory full"}'] == 1
    assert found['faults_now{what="sensor gps",reason="line lost"}'] == 1
    assert found['lane_connected{lane="alarm"}'] == 0
    assert found['lane_connected{lane="telemetry"}'] == 1
    assert found['lane_receipt_age_seconds{lane="alarm"}'] == 75
    assert found['clock_trusted{source="none"}'] == 0
    assert found['button_pressed{button="sos"}'] == 1
    assert found['sensor_reading_age_seconds{sensor="gps",kind="position"}'] == 0.4
    assert found['sensor_counts_total{sensor="gps",count="no fix"}'] == 1_000
    assert found['threshold_raised{threshold="river-high"}'] == 1
    assert found['outbox_fault{file="alarms.db"}'] == 1
    assert found["log_lost_total"] == 3
    assert {re.split(r"\{", name)[0] for name in found} == {metric.name for metric in METRICS}


def test_no_label_breaks_the_format() -> None:
    odd = FaultStatus(what='a "b" \\ c\nd', words="odd", lasts_s=0.0)
    text = render(busy().model_copy(update={"faults": [odd]}), PROCESS)
    assert 'what="a \\"b\\" \\\\ c\\nd"' in text
    figures(text)
