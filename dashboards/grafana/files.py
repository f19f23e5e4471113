"""Provisioning files, for a Grafana whose API nobody may use. Pure: names and texts come out.

No secret is in them: Grafana takes the reader's from its own environment, `SIAGA_STORE_SECRET`.
"""

from __future__ import annotations

import json
from typing import Any

from contract.inventory import Inventory
from contract.zone import DEFAULT_ZONE
from dashboards.boards import DASHBOARDS
from dashboards.grafana.alerts import FOLDER_UID, GROUP, RULES, rule_json
from dashboards.grafana.board import LANGUAGES, board_json
from dashboards.grafana.named import with_names
from dashboards.grafana.wanted import data_source
from store import StoreSettings

SECRET = "$SIAGA_STORE_SECRET"
"""Grafana puts its environment's value here."""


def provisioning(
    store: StoreSettings,
    *,
    folder: str,
    dashboards_path: str,
    language: str = "id",
    inventory: Inventory | None = None,
    time_zone: str = DEFAULT_ZONE,
) -> dict[str, str]:
    """Return each file's text by its path below Grafana's `provisioning` folder, and the dashboards below `siaga/`.

    JSON is YAML too, so the files are JSON in `.yaml`: one way of writing, no escape to get wrong.

    Args:
        store: The store as Grafana's server reaches it.
        folder: The folder's title in Grafana.
        dashboards_path: Where the dashboards' folder will be on Grafana's machine.
        language: The alert rules'.
        inventory: Who is called what.
        time_zone: In which the dashboards tell times.
    """
    texts = {
        "datasources/siaga.yaml": _text(_sources(store)),
        "dashboards/siaga.yaml": _text(_dashboards(folder, dashboards_path)),
        "alerting/siaga.yaml": _text(_alerts(folder, language)),
    }
    for definition in DASHBOARDS.values():
        for each in LANGUAGES:
            body = board_json(definition, each, time_zone)
            if inventory is not None:
                body = with_names(body, definition, inventory, each)
            texts[f"siaga/{body['uid']}.json"] = _text(body)
    return texts


def _sources(store: StoreSettings) -> dict[str, Any]:
    thing = data_source(store, SECRET, token="")
    body = {**thing.body, "jsonData": {**thing.body["jsonData"]}}
    del body["jsonData"]["siagaMark"]
    return {
        "apiVersion": 1,
        "datasources": [{**body, "orgId": 1, "editable": False, "secureJsonData": thing.secret}],
    }


def _dashboards(folder: str, path: str) -> dict[str, Any]:
    provider = {
        "name": "siaga",
        "orgId": 1,
        "folder": folder,
        "folderUid": FOLDER_UID,
        "type": "file",
        "disableDeletion": False,
        "allowUiUpdates": False,
        "options": {"path": path},
    }
    return {"apiVersion": 1, "providers": [provider]}


def _alerts(folder: str, language: str) -> dict[str, Any]:
    rules = []
    for rule in RULES:
        body = rule_json(rule, language)
        # A file's "$" would be an environment variable; two stand for one.
        rules.append(_doubled({k: v for k, v in body.items() if k not in ("orgID", "folderUID", "ruleGroup")}))
    group = {"orgId": 1, "name": GROUP, "folder": folder, "interval": "60s", "rules": rules}
    return {"apiVersion": 1, "groups": [group]}


def _doubled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _doubled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_doubled(inner) for inner in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
