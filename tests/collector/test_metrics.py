"""The figures as Prometheus reads them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from collector.metrics import METRICS, PREFIX, Snapshot, parse, readiness, render

VALUES = {metric.name: float(number) for number, metric in enumerate(METRICS) if not metric.label}
SNAPSHOT = Snapshot(VALUES, {"refused_total": {'a "b"\n\\': 3, "not json": 1}}, ("no store",))


def test_each_figure_is_told_with_help_and_type_and_read_back() -> None:
    text = render(SNAPSHOT)
    assert text.endswith("\n")
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \S+ .+|siaga_collector_[a-z_]+(\{[a-z]+="([^"\\]|\\.)*"\})? \S+', line), (
            line
        )
    found = parse(text)
    assert {name: found[name] for name in VALUES} == VALUES
    assert found['refused_total{reason="not json"}'] == 1
    assert found['refused_total{reason="a \\"b\\"\\n\\\\"}'] == 3
    assert len(found) == len(VALUES) + 2


def test_names_are_those_of_prometheus() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.type == "counter"), metric.name
        assert re.fullmatch(r"[a-z][a-z_]*", metric.name)
    assert PREFIX == "siaga_collector_"


def test_large_and_broken_numbers_stay_exact() -> None:
    text = render(Snapshot({**VALUES, "messages_total": 123_456_789_012_345, "cpu_seconds_total": 0.1}))
    assert "siaga_collector_messages_total 123456789012345\n" in text
    assert "siaga_collector_cpu_seconds_total 0.1\n" in text


def test_what_is_no_such_text_is_refused() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        parse("<html>no metrics here</html>\n")


def test_each_figure_is_documented_as_it_is() -> None:
    text = (Path(__file__).parents[2] / "docs" / "collector.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `siaga_collector_(\w+)`(?: by `(\w+)`)? \| (\w+) \| (.+) \|$", text, flags=re.M)
    assert rows == [(one.name, one.label, one.type, one.help) for one in METRICS]


def test_ready_says_why_not() -> None:
    assert readiness(()) == (200, json.dumps({"ready": True, "faults": []}) + "\n")
    status, text = readiness(["no broker", "no store"])
    assert (status, json.loads(text)) == (503, {"ready": False, "faults": ["no broker", "no store"]})


def test_what_is_wrong_although_it_works_is_told_and_it_stays_ready() -> None:
    status, text = readiness((), ("no new series",))
    assert (status, json.loads(text)) == (200, {"ready": True, "faults": ["no new series"]})
