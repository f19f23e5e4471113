"""The desk's own key: made once, kept to itself, and what is signed by it."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from duty_desk.channels.webpush.sealing import point_of
from duty_desk.channels.webpush.settings import PushSettings
from duty_desk.channels.webpush.vapid import LASTS_S, RENEW_S, PushKey, PushKeyError, load_push_key
from duty_desk.cli import app
from tests.duty_desk.channels.push_service import CURVE, b64, unb64
from tests.duty_desk.conftest import Desk

FCM = "https://fcm.googleapis.com/fcm/send/one"


def test_the_command_shows_the_public_key_and_where_the_secret_one_is(idle: Desk) -> None:
    run = partial(CliRunner().invoke, app)
    shown = run(["push-key", "show", "--json", "--config", str(idle.config)])
    file = idle.config.parent / "data" / "push.pem"
    public = point_of(load_push_key(file).public_key())
    assert json.loads(shown.stdout) == {"key": b64(public), "file": str(file)}
    assert run(["push-key", "show", "--config", str(idle.config)]).stdout.split() == [b64(public), str(file)]
    file.write_text("something")
    broken = run(["push-key", "show", "--config", str(idle.config)])
    assert (broken.exit_code, "put it back from the backup" in broken.stderr) == (1, True)
    idle.config.write_text("")
    assert run(["push-key", "show", "--config", str(idle.config)]).exit_code == 78


class Clock:
    """The centre's clock."""

    now_s = 1_760_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def claims(header: str) -> dict[str, object]:
    """Return what an authorization claims."""
    found: dict[str, object] = json.loads(unb64(header.split(".")[1]))
    return found


def test_the_key_is_made_at_its_first_use_for_its_owner_alone_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "data" / "push.pem"
    made = load_push_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_push_key(path).private_numbers() == made.private_numbers()
    assert [each.name for each in path.parent.iterdir()] == ["push.pem"]


def test_two_that_make_it_at_once_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda number: load_push_key(tmp_path / str(number // 2)), range(16)))
    for one, other in zip(keys[::2], keys[1::2], strict=True):
        assert one.private_numbers() == other.private_numbers()


@pytest.mark.parametrize("kind", ["text", "other curve"])
def test_another_file_in_its_place_is_told_and_never_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "push.pem"
    pem = ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(b"something" if kind == "text" else pem)
    before = path.read_bytes()
    with pytest.raises(PushKeyError, match="put it back from the backup"):
        load_push_key(path)
    assert path.read_bytes() == before


def test_an_authorization_is_of_the_services_origin_and_made_anew_in_time() -> None:
    clock = Clock()
    key = PushKey(ec.generate_private_key(CURVE), "mailto:posko@kota.example", clock)
    first = key.authorization(FCM)
    assert claims(first) == {
        "aud": "https://fcm.googleapis.com",
        "exp": 1_760_000_000 + LASTS_S,
        "sub": "mailto:posko@kota.example",
    }
    assert key.authorization(FCM + "2") == first
    assert claims(key.authorization("https://push.example:8443/a"))["aud"] == "https://push.example:8443"
    clock.now_s += RENEW_S
    assert claims(key.authorization(FCM))["exp"] == 1_760_000_000 + RENEW_S + LASTS_S
    # Set back by a day: what was signed before is good for too long, and a service would refuse it.
    clock.now_s -= 86_400
    assert claims(key.authorization(FCM))["exp"] == int(clock.now_s) + LASTS_S
    assert "sub" not in claims(PushKey(ec.generate_private_key(CURVE), None, clock).authorization(FCM))


def test_a_proof_is_of_one_page_one_account_and_one_key() -> None:
    private = ec.generate_private_key(CURVE)
    key, again = PushKey(private, None, Clock()), PushKey(private, None, Clock())
    proof = key.proof("page-1", "petugas-1")
    assert again.proves(proof, "page-1", "petugas-1")
    assert not key.proves(proof, "page-2", "petugas-1")
    assert not key.proves(proof, "page-1", "petugas-2")
    assert not PushKey(ec.generate_private_key(CURVE), None, Clock()).proves(proof, "page-1", "petugas-1")


@pytest.mark.parametrize(
    ("endpoint", "allowed"),
    [
        (FCM, True),
        ("https://updates.push.services.mozilla.com/wpush/v2/gAAA", True),
        ("https://web.push.apple.com/QGu", True),
        ("https://wns2-sg2p.notify.windows.com/w/?token=B", True),
        ("https://fcm.googleapis.com:443/fcm/send/one", True),
        ("https://push.kota.example/a", True),
        ("https://PUSH.kota.example/a", True),
        ("http://127.0.0.1:9/a", True),
        ("http://127.0.0.1:10/a", False),
        ("https://push.kota.example:444/a", False),
        ("http://push.kota.example/a", False),
        ("http://fcm.googleapis.com/fcm/send/one", False),
        ("https://fcm.googleapis.com:8443/a", False),
        ("https://fcm.googleapis.com.evil.example/a", False),
        ("https://evilfcm.googleapis.com.example/a", False),
        ("https://xpush.apple.com/a", False),
        ("https://a@fcm.googleapis.com/a", False),
        ("https://fcm.googleapis.com@127.0.0.1/a", False),
        ("https://127.0.0.1/a", False),
        ("https://[::1]/a", False),
        ("https://10.0.0.1/api", False),
        ("https://localhost/a", False),
        ("file:///etc/passwd", False),
        ("https://fcm.googleapis.com/a\r\nx: y", False),
        ("https://fcm.googleapis.com /a", False),
        ("https://fcm.googleapis.com\\@10.0.0.1/a", False),
        ("https://fcm.googleapis.com:99999/a", False),
        ("https://[", False),
        ("//fcm.googleapis.com/a", False),
        ("", False),
    ],
)
def test_a_phone_cannot_make_the_desk_ask_anybody_but_push_services(endpoint: str, allowed: bool) -> None:
    settings = PushSettings(services=["https://push.kota.example", "http://127.0.0.1:9"])
    assert settings.allows(endpoint) is allowed


@pytest.mark.parametrize(
    "services",
    [
        ["http://push.kota.example"],
        ["https://push.kota.example/a"],
        ["https://a@push.kota.example"],
        ["push.kota"],
        ["https://:1"],
    ],
)
def test_a_service_that_is_none_is_a_mistake_in_the_configuration(services: list[str]) -> None:
    with pytest.raises(ValueError, match="expected"):
        PushSettings(services=services)


@pytest.mark.parametrize("contact", ["posko@kota.example", "http://kota.example", "mailto:a b@kota.example"])
def test_a_contact_is_an_address_that_services_take(contact: str) -> None:
    with pytest.raises(ValueError, match="expected mailto"):
        PushSettings(contact=contact)
