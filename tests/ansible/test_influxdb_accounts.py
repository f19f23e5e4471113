"""The accounts of the store, made by the role's module in a real InfluxDB."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from siaga.stack.influxdb import InfluxDB
from tests.ansible.roles import COLLECTION, loader

_ACCOUNTS = [
    {"name": "admin", "right": ""},
    {"name": "collector", "right": "WRITE"},
    {"name": "desk", "right": "READ"},
]


def _module() -> Any:
    loader()  # and from here on our collection's own parts are found
    spec = importlib.util.spec_from_file_location("accounts", COLLECTION / "plugins/modules/influxdb_accounts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_accounts_and_rights_are_made_once_and_a_changed_password_is_taken_over(tmp_path: Path) -> None:
    module = _module()
    words = {one["name"]: f"{one['name']}-password" for one in _ACCOUNTS}
    server = InfluxDB(tmp_path)
    server.launch()
    try:
        module.wait(f"{server.url}/ping", 30)

        def made(*, check_mode: bool = False, database: str | None = "siaga") -> list[str]:
            found: list[str] = module.make(server.url, _ACCOUNTS, words, database, check_mode)
            return found

        assert made(check_mode=True) == ["admin is the administrator"]
        assert made(database=None) == ["admin is the administrator", "collector is made", "desk is made"]
        module.ask(server.url, "CREATE DATABASE siaga", "admin", words["admin"])
        rights = ["collector may WRITE in siaga", "desk may READ in siaga"]
        assert made(check_mode=True) == rights
        assert made() == rights
        assert made() == []

        words["desk"] = "another"
        assert made(check_mode=True) == ["desk has the password of its file"]
        assert made() == ["desk has the password of its file"]
        assert made() == []

        words["admin"] = "another"
        with pytest.raises(module.RefusedError):
            made()
    finally:
        server.stop()
