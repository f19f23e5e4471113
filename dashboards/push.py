"""Bringing a Grafana to what it should have: first what differs, then that alone. A second push does nothing.

A dashboard or data source that has our uid but is plainly not ours, or that came from a provisioning file, is left
alone and told.
"""

from __future__ import annotations

from typing import Any

from dashboards.grafana.alerts import FOLDER_UID
from dashboards.grafana.board import TAG
from dashboards.grafana.client import Client, GrafanaError
from dashboards.grafana.wanted import Change, Thing, differs


def changes(client: Client, things: list[Thing]) -> list[Change]:
    """Return what a push would do. Nothing is changed.

    Raises:
        GrafanaError: It cannot be asked, or something of ours is somebody else's.
    """
    found = []
    for thing in things:
        change = _change(thing, client.there(thing.kind, thing.uid))
        if change is not None:
            found.append(change)
    return found


def push(client: Client, planned: list[Change]) -> None:
    """Do what was planned, in its order.

    Raises:
        GrafanaError: Grafana refused something; what came before it is done, and a push after that goes on from there.
    """
    for change in planned:
        thing = change.thing
        body = dict(thing.body)
        if thing.secret is not None:
            body["secureJsonData"] = thing.secret
        try:
            client.put(change.act, thing.kind, body, FOLDER_UID)
        except GrafanaError as error:
            raise GrafanaError(f"{change}: {error}") from None


def _change(thing: Thing, there: dict[str, Any] | None) -> Change | None:
    if there is None:
        return Change("create", thing)
    if thing.kind == "dashboard":
        meta, there = there.get("meta") or {}, there.get("dashboard") or {}
        _is_ours(thing, there, meta)
        keys = differs(thing, there)
        if meta.get("folderUid") != FOLDER_UID:
            keys = (*keys, "folder")
    else:
        if thing.kind == "data source" and there.get("readOnly"):
            raise GrafanaError(_from_file(thing))
        if thing.kind == "alert rule" and there.get("provenance") == "file":
            raise GrafanaError(_from_file(thing))
        keys = differs(thing, there)
    return Change("update", thing, keys) if keys else None


def _is_ours(thing: Thing, there: dict[str, Any], meta: dict[str, Any]) -> None:
    if meta.get("provisioned"):
        raise GrafanaError(_from_file(thing))
    if TAG not in (there.get("tags") or []):
        raise GrafanaError(
            f"{thing.kind} {thing.uid} is there and has not the tag {TAG}: it is somebody else's; rename or remove it"
        )


def _from_file(thing: Thing) -> str:
    return f"{thing.kind} {thing.uid} came from a provisioning file; remove the file, or push no more"
