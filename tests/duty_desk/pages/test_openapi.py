"""The description of the API: whole enough that another system's engineer needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from duty_desk.settings import load_desk
from duty_desk.web.description import EXAMPLES
from tests.duty_desk.access.conftest import headers, opened
from tests.duty_desk.conftest import Desk

PUBLIC = {"/healthz"}


async def described(desk: Desk) -> dict[str, Any]:
    """Return the description as the desk gives it to a viewer."""
    async with opened(load_desk(desk.config)) as made, made.client() as client:
        assert (await client.get("/api/openapi.json")).status_code == 401
        answer = await client.get("/api/openapi.json", headers=headers("tamu-1"))
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each operation with its name."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


@pytest.mark.slow
async def test_each_route_says_what_it_does_how_it_fails_and_shows_a_body(idle: Desk) -> None:
    whole = await described(idle)
    models = whole["components"]["schemas"]
    missing: list[str] = []
    for name, operation in operations(whole):
        if not operation.get("description"):
            missing.append(f"{name}: no description")
        if name.split()[1] not in PUBLIC:
            for status in ("401", "403"):
                schema = operation["responses"].get(status, {}).get("content", {}).get("application/json", {})
                if schema.get("schema", {}).get("$ref") != "#/components/schemas/Fault":
                    missing.append(f"{name}: {status} is not described")
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if body is not None and not models[body["$ref"].rpartition("/")[2]].get("examples"):
            missing.append(f"{name}: no example of its body")
        for parameter in operation.get("parameters", ()):
            told = parameter.get("description") or parameter["schema"].get("examples") or parameter["in"] == "path"
            if not told:
                missing.append(f"{name}: {parameter['name']} is not described")
    assert missing == []
    assert "text/event-stream" in whole["paths"]["/api/events"]["get"]["responses"]["200"]["content"]


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_each_example_is_one(model: type[BaseModel]) -> None:
    model.model_validate(EXAMPLES[model])
