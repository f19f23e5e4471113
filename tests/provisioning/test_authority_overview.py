"""What stands in the book and what has to be done about it, from 30 days before an end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioning.authority_overview import Overview, due, overview
from provisioning.authority_rotation import begin_rotation
from tests.provisioning.city import City


@pytest.fixture
def city(tmp_path: Path) -> City:
    city = City(tmp_path / "ca")
    city.authority.issue_device("box-1", days=730)
    city.authority.issue_broker("alarm", ["127.0.0.1"], days=730)
    return city


def remarks(found: Overview) -> dict[str, tuple[str, str]]:
    return {line.name: (line.state, line.remark) for line in found.certificates}


def test_fault_23_a_certificate_near_its_end_is_warned_of_from_30_days_and_renewed_early(city: City) -> None:
    city.later(699)
    found = overview(city.authority)
    assert remarks(found) == {"alarm": ("valid", ""), "box-1": ("valid", "")}
    assert (found.warnings, due(city.authority)) == ((), [])
    city.later(1)
    found = overview(city.authority)
    assert remarks(found) == {
        "alarm": ("expiring", "expires in 30 days"),
        "box-1": ("expiring", "expires in 30 days"),
    }
    assert found.warnings == ("broker alarm: expires in 30 days", "device box-1: expires in 30 days")
    assert due(city.authority) == ["box-1"]
    city.authority.renew("box-1")
    assert remarks(overview(city.authority))["box-1"] == ("valid", "")
    assert due(city.authority) == []
    city.later(29.5)
    assert remarks(overview(city.authority))["alarm"] == ("expiring", "expires in 0 days")
    city.later(0.5)
    assert remarks(overview(city.authority))["alarm"] == ("expired", "expired on 2028-05-31")


def test_an_expired_device_is_due_and_a_revoked_one_is_not(city: City) -> None:
    city.authority.issue_device("box-2", days=730)
    city.authority.revoke("box-2", "stolen")
    city.later(800)
    found = overview(city.authority)
    assert remarks(found)["box-2"] == ("revoked", "revoked 2026-06-01: stolen")
    assert found.warnings == ("broker alarm: expired on 2028-05-31", "device box-1: expired on 2028-05-31")
    assert due(city.authority) == ["box-1"]


def test_what_the_old_authority_signed_is_told_and_due(city: City) -> None:
    city.later(1)
    begin_rotation(city.authority)
    city.authority.issue_device("box-2")
    found = overview(city.authority)
    assert found.rotation_begun_at == city.now
    assert remarks(found) == {
        "alarm": ("valid", "signed by the old authority"),
        "box-1": ("valid", "signed by the old authority"),
        "box-2": ("valid", ""),
    }
    assert due(city.authority) == ["box-1"]


def test_an_authority_that_could_not_sign_for_the_full_time_is_warned_of(city: City) -> None:
    city.later(20 * 365 - 3 * 365 - 31)
    assert "authority" not in " ".join(overview(city.authority).warnings)
    city.later(1)
    assert overview(city.authority).warnings[0].startswith("the authority expires in 1125 days; ")


def test_where_the_roots_key_is(city: City, tmp_path: Path) -> None:
    assert overview(city.authority).root_key == "here"
    begin_rotation(city.authority, b"phrase")
    assert overview(city.authority).root_key == "here, encrypted"
    city.authority.root_key.rename(tmp_path / "safe.key")
    assert overview(city.authority).root_key == "elsewhere"


def test_it_is_json(city: City) -> None:
    value = json.loads(json.dumps(overview(city.authority).as_json()))
    assert value["rotation_begun_at"] is None
    assert value["issuing_not_after"] == "2046-05-27T12:00:00Z"
    assert value["certificates"][1] == {
        "kind": "device",
        "name": "box-1",
        "serial": city.authority.register.certificates[0].serial,
        "not_after": "2028-05-31T12:00:00Z",
        "days_left": 730,
        "state": "valid",
        "old_authority": False,
        "remark": "",
    }
