"""A question of a panel as Grafana's InfluxDB data source takes it. Pure.

| placeholder | for Grafana |
|---|---|
| `{policy}` | `${policy}`, a hidden variable that follows the range shown |
| `{time}` | `$timeFilter` |
| `{step}` | `$__interval`, which Grafana makes of the range and the panel's points |
| `{device}`, `{sensor}` | `${device:raw}`, `${sensor:raw}`, chosen on the dashboard |
"""

from __future__ import annotations

import re

from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models.common import DataSourceRef

from dashboards.model import PanelKind, Question

SOURCE_UID = "siaga_store"
"""No hyphen: the data source proxy of Grafana 9.3 takes letters, digits and `_` only."""
SOURCE = DataSourceRef(type_val="influxdb", uid=SOURCE_UID)
_FEW = re.compile(r'SELECT (?:top|bottom)\("(\w+)", "(\w+)", \d+\)')
POINTS = 600
"""How many groups a panel has room for."""


class InfluxQuery(variants.Dataquery):
    """A raw InfluxQL query: the SDK has no module for InfluxDB."""

    def __init__(self, ref: str, influxql: str, alias: str, result: str) -> None:
        self.ref = ref
        self.influxql = influxql
        self.alias = alias
        self.result = result

    def to_json(self) -> dict[str, object]:
        """Return it as Grafana keeps it."""
        return {
            "refId": self.ref,
            "datasource": SOURCE,
            "rawQuery": True,
            "query": self.influxql,
            "resultFormat": self.result,
            **({"alias": self.alias} if self.alias else {}),
        }


class Target(builder.Builder[variants.Dataquery]):
    """Builds the query of a question for a panel of this kind, in a language."""

    def __init__(self, question: Question, kind: PanelKind, language: str) -> None:
        self._built = InfluxQuery(
            question.ref,
            for_grafana(question.influxql),
            _alias(question, language),
            "table" if kind in ("table", "map") or of_first_few(question) else "time_series",
        )

    def build(self) -> variants.Dataquery:
        """Return it."""
        return self._built


def for_grafana(influxql: str) -> str:
    """Return a question with Grafana's placeholders."""
    return (
        influxql.replace("{policy}", "${policy}")
        .replace("{time}", "$timeFilter")
        .replace("{step}", "$__interval")
        .replace("{device}", "${device:raw}")
        .replace("{sensor}", "${sensor:raw}")
    )


def of_first_few(question: Question) -> tuple[str, str] | None:
    """Return the tag and the field of a question for the first few of all, else None.

    Such an answer is one series with the tag in a column, so as a time series it would be one nameless value.
    """
    found = _FEW.match(question.influxql)
    return (found[2], found[1]) if found else None


def _alias(question: Question, language: str) -> str:
    if question.label is None:
        return "$col"
    return question.label.of(language).replace("{", "$tag_").replace("}", "")
