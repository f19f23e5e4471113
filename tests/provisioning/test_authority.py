"""The authority signs, renews and remembers."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from contract.signed import Document, load_verifying_keys, verify
from provisioning import certificates as x
from provisioning.authority import Authority
from provisioning.authority_rotation import begin_rotation, finish_rotation
from provisioning.errors import (
    ExistsError,
    KeyFileError,
    NameRefusedError,
    RefusedError,
    RevokedError,
    UnusableError,
)
from provisioning.files import write_private
from tests.provisioning.city import City, contents
from tests.provisioning.city import verify as openssl_verify


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path / "ca")


def leaf(path: Path) -> x509.Certificate:
    return x.load(path.read_bytes(), source=str(path))[0]


def test_a_new_authority_has_what_it_needs_and_keeps_its_keys(city: City) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in city.folder.iterdir()}
    keys = dict.fromkeys(["root.key", "issuing.key", "signing.key", "authority.json"], 0o600)
    assert modes == keys | dict.fromkeys(["root.pem", "issuing.pem", "signing.pub", "trust.pem"], 0o644)
    assert stat.S_IMODE(city.folder.stat().st_mode) == 0o700
    assert (city.folder / "trust.pem").read_bytes() == (city.folder / "root.pem").read_bytes()


def test_openssl_accepts_a_device_and_a_broker(city: City) -> None:
    city.authority.issue_device("box-1")
    city.authority.issue_broker("alarm", ["127.0.0.1", "alarm.example"])
    assert city.device("box-1") == "OK"
    assert city.broker("-verify_ip", "127.0.0.1") == city.broker("-verify_hostname", "alarm.example") == "OK"
    for path in (city.authority.device_key("box-1"), city.authority.broker_key("alarm")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_broker_is_good_for_a_box_whose_clock_is_at_1970(city: City) -> None:
    city.authority.issue_broker("alarm", ["127.0.0.1"])
    assert city.broker("-attime", "0") == "OK"


def test_a_device_is_valid_for_two_years_and_three_unless_told(city: City) -> None:
    city.authority.issue_device("box-1")
    city.authority.issue_device("box-2", days=730)
    with pytest.raises(RefusedError, match="729 days are too few for a device; give at least 730"):
        city.authority.issue_device("box-3", days=729)
    city.later(729)
    assert city.device("box-1") == city.device("box-2") == "OK"
    city.later(2)
    assert "certificate has expired" in city.device("box-2")
    city.later(363)
    assert city.device("box-1") == "OK"


def test_nothing_outlives_the_authority(city: City) -> None:
    for days in (20 * 365 + 1, 10**9, 10**12):
        with pytest.raises(RefusedError):
            city.authority.issue_device("box-1", days=days)
    city.authority.issue_device("box-1", days=20 * 365)
    city.later(18 * 365)
    with pytest.raises(RefusedError, match=r"after the authority's own end, 2046-05-27; .*rotate begin"):
        city.authority.issue_device("box-2")


def test_a_second_device_of_a_name_is_refused_unless_forced(city: City) -> None:
    first = city.authority.issue_device("box-1")
    before = contents(city.folder)
    with pytest.raises(ExistsError, match="box-1 has a certificate; renew it: siaga provision ca renew device box-1"):
        city.authority.issue_device("box-1")
    with pytest.raises(ExistsError):
        city.authority.issue_devices(["box-2", "box-3", "box-1"])
    with pytest.raises(ExistsError):
        city.authority.issue_devices(["box-2", "box-2"])
    assert contents(city.folder) == before
    second = city.authority.issue_device("box-1", force=True)
    assert first.entry.serial != second.entry.serial
    assert [each.name for each in city.authority.register.certificates] == ["box-1", "box-1"]
    assert city.device("box-1") == "OK"


def test_files_of_nobody_are_not_overwritten(city: City) -> None:
    city.authority.device_folder("box-1").mkdir(parents=True)
    write_private(city.authority.device_key("box-1"), b"a key of another authority")
    before = contents(city.folder)
    with pytest.raises(ExistsError, match=r"box-1\.key: is there already"):
        city.authority.issue_device("box-1")
    assert contents(city.folder) == before


def test_a_second_authority_is_refused_unless_forced(city: City) -> None:
    city.authority.issue_device("box-1")
    before = contents(city.folder)
    with pytest.raises(ExistsError, match=r"is there already; nothing was changed; --force overwrites it"):
        Authority.init(city.folder)
    assert contents(city.folder) == before
    again = Authority.init(city.folder, force=True)
    assert again.register.certificates == ()
    assert "unable to get local issuer" in city.device("box-1") or "self" in city.device("box-1")


@pytest.mark.parametrize("name", ["*", "box/1", "box#", "a" * 300, "", "../../etc"])
def test_a_bad_name_changes_nothing(city: City, name: str) -> None:
    before = contents(city.folder)
    for attempt in (city.authority.issue_device, city.authority.renew, city.authority.restore):
        with pytest.raises(NameRefusedError):
            attempt(name)
    with pytest.raises(NameRefusedError):
        city.authority.revoke(name, "stolen")
    assert contents(city.folder) == before


def test_renewing_keeps_the_key_and_only_the_certificate_is_new(city: City) -> None:
    first = city.authority.issue_device("box-1")
    key, before = first.key.read_bytes(), leaf(first.certificate)
    city.later(1000)
    renewed = city.authority.renew("box-1")
    after = leaf(renewed.certificate)
    assert renewed.key.read_bytes() == key
    assert after.public_key() == before.public_key()
    assert after.serial_number != before.serial_number
    assert (after.not_valid_after_utc - city.now).days == 1095
    assert city.device("box-1") == "OK"
    city.authority.renew("box-1", new_key=True)
    assert renewed.key.read_bytes() != key
    loaded = x.load_key(renewed.key.read_bytes(), source="box-1.key")
    x.check_pair(leaf(renewed.certificate), loaded, source="box-1.key")
    assert city.device("box-1") == "OK"


def test_a_device_whose_key_is_on_the_box_only_is_renewed(city: City) -> None:
    city.authority.issue_device("box-1").key.unlink()
    city.authority.renew("box-1")
    assert not city.authority.device_key("box-1").exists()
    assert city.device("box-1") == "OK"


def test_fault_25_an_expired_device_that_is_not_revoked_is_renewed(city: City) -> None:
    city.authority.issue_device("box-1", days=730)
    city.later(730 + 400)
    assert "certificate has expired" in city.device("box-1")
    city.authority.renew("box-1")
    assert city.device("box-1") == "OK"


def test_a_revoked_device_is_neither_renewed_nor_issued_anew(city: City) -> None:
    city.authority.issue_device("box-1", days=730)
    assert city.authority.revoke("box-1", " stolen at night ")
    city.later(800)
    before = contents(city.folder)
    attempts: list[Callable[[], object]] = [
        lambda: city.authority.renew("box-1"),
        lambda: city.authority.renew("box-1", new_key=True),
        lambda: city.authority.issue_device("box-1"),
        lambda: city.authority.issue_device("box-1", force=True),
    ]
    for attempt in attempts:
        with pytest.raises(RevokedError, match=r"revoked since 2026-06-01 \(stolen at night\); .* restore box-1"):
            attempt()
    assert contents(city.folder) == before
    assert city.authority.restore("box-1")
    city.authority.renew("box-1")
    assert city.device("box-1") == "OK"


def test_a_revocation_is_recorded_with_time_and_reason_and_so_is_its_end(city: City) -> None:
    city.authority.issue_devices(["box-1", "box-2"])
    assert city.authority.revoke("box-1", "stolen")
    assert not city.authority.revoke("box-1", "again")
    assert city.authority.revoked == {"box-1"}
    city.later(1)
    assert city.authority.restore("box-1")
    assert not city.authority.restore("box-1")
    assert city.authority.revoked == frozenset()
    city.later(1)
    assert city.authority.revoke("box-1", "stolen twice")
    stored = json.loads((city.folder / "authority.json").read_bytes())["revocations"]
    first = {"device": "box-1", "reason": "stolen", "revoked_at": "2026-06-01T12:00:00Z"}
    second = {"device": "box-1", "reason": "stolen twice", "revoked_at": "2026-06-03T12:00:00Z"}
    assert stored == [first | {"restored_at": "2026-06-02T12:00:00Z"}, second]


def test_an_unknown_device_is_told_with_a_guess(city: City) -> None:
    city.authority.issue_device("alun-alun-1")
    for attempt in (city.authority.renew, city.authority.restore, lambda name: city.authority.revoke(name, "stolen")):
        with pytest.raises(NameRefusedError, match="no device alun-alum-1 is in the register; is it alun-alun-1"):
            attempt("alun-alum-1")


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "\x1b[2J", "x" * 201])
def test_a_reason_is_one_line(city: City, reason: str) -> None:
    city.authority.issue_device("box-1")
    with pytest.raises(RefusedError, match="no usable reason"):
        city.authority.revoke("box-1", reason)
    assert city.authority.revoked == frozenset()


def test_the_roots_key_may_be_elsewhere_until_the_issuing_authority_is_renewed(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    authority = Authority.init(folder, pass_phrase=b"correct horse")
    assert b"ENCRYPTED" in authority.root_key.read_bytes()
    authority.root_key.rename(tmp_path / "safe.key")
    old = authority.issue_device("box-1")
    with pytest.raises(UnusableError, match=r"root\.key: no such file"):
        authority.renew_issuing(b"correct horse")
    (tmp_path / "safe.key").rename(authority.root_key)
    for wrong, why in (
        (b"wrong", "the pass phrase does not open it"),
        (None, "encrypted, and there is no pass phrase"),
    ):
        with pytest.raises(KeyFileError, match=why):
            authority.renew_issuing(wrong)
    before = leaf(folder / "issuing.pem")
    authority.renew_issuing(b"correct horse")
    assert leaf(folder / "issuing.pem") != before
    new = authority.issue_device("box-2")
    for issued in (old, new):  # nothing that is trusted has changed
        assert openssl_verify(issued.certificate, authority.trust, new.entry.issued_at) == "OK"


def test_keys_that_others_can_read_are_refused(city: City) -> None:
    city.authority.issue_device("box-1")
    key = city.folder / "issuing.key"
    key.chmod(0o640)
    with pytest.raises(KeyFileError, match=f"others may read or change it .*; run: chmod 600 {key}"):
        city.authority.issue_device("box-2")
    key.chmod(0o600)
    city.authority.device_key("box-1").chmod(0o644)
    with pytest.raises(KeyFileError, match=r"run: chmod 600 .*box-1\.key"):
        city.authority.renew("box-1")
    (city.folder / "signing.key").chmod(0o604)
    with pytest.raises(KeyFileError, match=r"run: chmod 600 .*signing\.key"):
        city.authority.sign(_document())


@pytest.mark.slow
def test_several_at_once_lose_nothing(city: City) -> None:
    code = "import sys\nfrom pathlib import Path\nfrom provisioning.authority import Authority\n"
    code += "for number in range(5):\n    Authority.open(Path(sys.argv[1])).issue_device(f'box-{sys.argv[2]}-{number}')"
    running = [subprocess.Popen([sys.executable, "-c", code, city.folder, str(each)]) for each in range(4)]
    assert [each.wait(timeout=60) for each in running] == [0] * 4
    names = [each.name for each in city.authority.register.certificates]
    assert sorted(names) == sorted(f"box-{each}-{number}" for each in range(4) for number in range(5))
    assert len({each.serial for each in city.authority.register.certificates}) == 20


def test_a_certificate_is_on_disk_with_its_entry_or_not_at_all(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = os.replace, 0

    def failing(*arguments: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(5, "Input/output error")
        real(*arguments)

    for at in range(10):
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", failing)
            left = at
            try:
                city.authority.issue_device(f"box-{at}")
            except UnusableError:
                pass
            else:
                break
        on_disk = Authority.open(city.folder).device_certificate(f"box-{at}").exists()
        assert on_disk == (f"box-{at}" in city.authority.register.current("device"))
        assert on_disk == city.authority.device_key(f"box-{at}").exists()
        assert not [name for name in contents(city.folder) if ".tmp-" in name or name == ".commit"]
    assert at == 4  # the log, the key, the certificate, the register, in some order


def _document() -> Document:
    return Document(device="box-1", kind="config", version=1, issued_at_ns=0, content={})


def test_documents_are_verified_by_the_published_key_all_through_a_rotation(city: City) -> None:
    def obeyed(published: bytes) -> bool:
        keys = load_verifying_keys(published)
        return (
            verify(city.authority.sign(_document()), keys, device="box-1", kind="config", newer_than=None)
            == _document()
        )

    before = city.authority.signing_public.read_bytes()
    assert obeyed(before)
    begin_rotation(city.authority)
    during = city.authority.signing_public.read_bytes()
    assert len(load_verifying_keys(during)) == 2
    assert obeyed(before)  # a box that was not yet reached
    assert obeyed(during)
    finish_rotation(city.authority)
    after = city.authority.signing_public.read_bytes()
    assert len(load_verifying_keys(after)) == 1
    assert obeyed(during)
    assert obeyed(after)
    assert before not in after


def test_openssl_accepts_a_signed_document(city: City, tmp_path: Path) -> None:
    taken = json.loads(city.authority.sign(_document()))
    (tmp_path / "document").write_bytes(b'{"content":{},"device":"box-1","issued_at_ns":0,"kind":"config","version":1}')
    (tmp_path / "signature").write_bytes(bytes.fromhex(taken["signature"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(city.authority.signing_public), "-rawin"]
    command += ["-in", str(tmp_path / "document"), "-sigfile", str(tmp_path / "signature")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    assert "Signature Verified Successfully" in done.stdout, done.stderr
