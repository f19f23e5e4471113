"""From one authority to the next nobody is shut out, at whatever step each box and broker is."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning import certificates as x
from provisioning.authority import Authority
from provisioning.authority_rotation import begin_rotation, finish_rotation
from provisioning.errors import RefusedError
from tests.provisioning.city import City, contents


@pytest.fixture
def city(tmp_path: Path) -> City:
    city = City(tmp_path / "ca")
    city.authority.issue_devices(["box-1", "box-2"])
    city.authority.issue_broker("alarm", ["127.0.0.1"])
    return city


def roots(city: City) -> int:
    return len(x.load(city.authority.trust.read_bytes(), source="trust.pem"))


def test_fault_24_old_and_new_are_accepted_side_by_side_until_all_are_renewed(city: City, tmp_path: Path) -> None:
    old_trust, new_trust = tmp_path / "old.pem", tmp_path / "new.pem"
    old_trust.write_bytes(city.authority.trust.read_bytes())
    city.later(100)
    begin_rotation(city.authority)
    assert roots(city) == 2
    # Those that are not yet renewed are good for who has the new trust.pem, and for who has not.
    for trust in (old_trust, city.authority.trust):
        assert city.device("box-1", trust=trust) == city.broker(trust=trust) == "OK"
    new_trust.write_bytes((city.folder / "root.pem").read_bytes())
    assert "unable to get" in city.device("box-1", trust=new_trust)
    city.authority.renew("box-1")
    city.authority.issue_device("box-3")
    for name in ("box-1", "box-2", "box-3"):
        assert city.device(name) == "OK"
    with pytest.raises(RefusedError, match=r"^2 still signed by the old authority: broker alarm, device box-2; renew"):
        finish_rotation(city.authority)
    city.authority.renew("box-2")
    city.authority.renew("alarm", "broker")
    for trust in (new_trust, city.authority.trust):
        assert city.device("box-2", trust=trust) == city.broker(trust=trust) == "OK"
    assert "unable to get" in city.broker(trust=old_trust)
    finish_rotation(city.authority)
    assert city.authority.trust.read_bytes() == new_trust.read_bytes()
    assert [city.device(name) for name in ("box-1", "box-2", "box-3")] == ["OK"] * 3
    assert city.broker() == "OK"
    assert not [name for name in contents(city.folder) if name.startswith("old")]


def test_a_rotation_is_begun_once_and_finished_once(city: City) -> None:
    with pytest.raises(RefusedError, match="no rotation is under way; begin one"):
        finish_rotation(city.authority)
    begin_rotation(city.authority)
    before = contents(city.folder)
    with pytest.raises(RefusedError, match="a rotation is under way since 2026-06-01; finish it first"):
        begin_rotation(city.authority)
    with pytest.raises(RefusedError, match="3 still signed"):
        finish_rotation(city.authority)
    assert contents(city.folder) == before
    finish_rotation(city.authority, force=True)
    assert "unable to get" in city.device("box-1")
    begin_rotation(city.authority)
    assert roots(city) == 2


def test_who_is_revoked_or_expired_does_not_hold_a_rotation_up(city: City) -> None:
    city.authority.revoke("box-1", "stolen")
    city.later(1100)
    begin_rotation(city.authority)
    city.authority.renew("alarm", "broker")
    finish_rotation(city.authority)
    # Fault 25 holds over a rotation too.
    city.authority.renew("box-2")
    assert city.device("box-2") == "OK"


def test_the_old_keys_are_kept_until_the_end_and_a_root_elsewhere_is_not_missed(city: City, tmp_path: Path) -> None:
    city.authority.root_key.rename(tmp_path / "safe.key")
    begin_rotation(city.authority, b"new phrase")
    assert b"ENCRYPTED" in city.authority.root_key.read_bytes()
    kept = {path.name for path in (city.folder / "old").iterdir()}
    assert kept == {"root.pem", "issuing.key", "issuing.pem", "signing.key", "signing.pub"}
    finish_rotation(city.authority, force=True)
    assert not (city.folder / "old").exists()


def test_a_damaged_old_root_stops_the_beginning(city: City) -> None:
    (city.folder / "root.pem").write_bytes(b"")
    before = contents(city.folder)
    with pytest.raises(Exception, match=r"root\.pem: no usable certificate"):
        begin_rotation(city.authority)
    assert contents(city.folder) == before


def test_the_first_trust_is_that_of_the_root(city: City) -> None:
    assert roots(city) == 1
    assert Authority.open(city.folder).register.rotation is None
