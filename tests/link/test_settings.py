"""A broker's table in a configuration file: TLS and one name, or a message that says what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from contract.settings import Settings, load_toml
from link import BrokerSettings
from link.settings import BROKER_KEYS, broker_examples
from siaga.stack.trust import Trust

DEVICE = 'certificate = "box-1.pem"\nkey = "box-1.key"\n'
SERVICE = 'username = "centre.desk"\npassword_file = "desk.password"\n'
WHERE = 'host = "127.0.0.1"\nport = 8883\nca = "trust.pem"\n'


class File(Settings):
    """A file with two brokers, as box.toml and desk.toml have them."""

    alarm_broker: BrokerSettings
    telemetry_broker: BrokerSettings | None = None


EXAMPLES = broker_examples("alarm_broker") | broker_examples("telemetry_broker")


def load(text: str) -> BrokerSettings:
    return load_toml(f"[alarm_broker]\n{text}", File, source="box.toml", examples=EXAMPLES).alarm_broker


@pytest.mark.parametrize("identity", [DEVICE, SERVICE], ids=["device", "service"])
def test_a_device_has_a_certificate_and_a_service_an_account(identity: str) -> None:
    settings = load(WHERE + identity)
    assert (settings.host, settings.port, settings.ca) == ("127.0.0.1", 8883, Path("trust.pem"))
    assert (settings.certificate is None) is (identity is SERVICE)


@pytest.mark.parametrize(
    "identity",
    [
        pytest.param("", id="nobody"),
        pytest.param(DEVICE + SERVICE, id="both"),
        pytest.param(DEVICE.partition("\n")[0], id="no key"),
        pytest.param(DEVICE.partition("\n")[2], id="no certificate"),
        pytest.param(SERVICE.partition("\n")[0], id="no password"),
        pytest.param(SERVICE.partition("\n")[2], id="no user name"),
        pytest.param(DEVICE + 'username = "centre.desk"', id="a certificate and half an account"),
        pytest.param(SERVICE + 'key = "box-1.key"', id="an account and half a certificate"),
    ],
)
def test_anything_but_one_name_is_refused_with_an_example(identity: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(WHERE + identity)
    assert str(caught.value) == (
        "box.toml:1: alarm_broker: needs certificate and key (a device), or username and password_file (a service of"
        ' the centre); example: [alarm_broker] host = "alarm.siaga.example" port = 8883 ca = "trust.pem" certificate ='
        ' "box-1.pem" key = "box-1.key"'
    )


def test_there_is_no_way_around_tls() -> None:
    with pytest.raises(ConfigError, match=r'^box\.toml:1: alarm_broker\.ca: is missing; example: ca = "trust\.pem"$'):
        load(WHERE.replace('ca = "trust.pem"\n', "") + DEVICE)
    for key in ("tls = false", "insecure = true", "anonymous = true", 'ca = ""\nverify = false'):
        with pytest.raises(ConfigError):
            load(WHERE.replace('ca = "trust.pem"\n', "") + DEVICE + key)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"127.0.0.1"', '""', r"box\.toml:2: alarm_broker\.host: "),
        ('"127.0.0.1"', '"mqtts://127.0.0.1"', r"box\.toml:2: alarm_broker\.host: "),
        ('"127.0.0.1"', '"alarm broker"', r"box\.toml:2: alarm_broker\.host: "),
        ('"127.0.0.1"', r'"a\u0000b"', r"box\.toml:2: alarm_broker\.host: "),
        ("8883", "0", r"box\.toml:3: alarm_broker\.port: .*; example: port = 8883"),
        ("8883", '"8883"', r"box\.toml:3: alarm_broker\.port: "),
        ("8883", "65536", r"box\.toml:3: alarm_broker\.port: "),
        ('"trust.pem"', "7", r"box\.toml:4: alarm_broker\.ca: "),
        ("key =", "ky =", r"box\.toml:6: alarm_broker\.ky: no such key"),
    ],
)
def test_a_wrong_value_is_told_by_file_line_and_key(old: str, new: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load((WHERE + DEVICE).replace(old, new))


def test_each_key_has_an_example_that_is_right() -> None:
    device = [BROKER_KEYS[key] for key in ("host", "port", "ca", "certificate", "key")]
    service = [BROKER_KEYS[key] for key in ("host", "port", "ca", "username", "password_file")]
    assert set(device + service) == set(BROKER_KEYS.values())
    for lines in (device, service):
        load("\n".join(lines))
    assert set(BROKER_KEYS) == set(BrokerSettings.model_fields)


def test_paths_are_relative_to_the_file_they_stand_in(tmp_path: Path, trust: Trust) -> None:
    trust.issue_devices(["box-1"])
    authority = trust.authority
    for path in (authority.trust, authority.device_certificate("box-1"), authority.device_key("box-1")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
        (tmp_path / path.name).chmod(0o600)
    endpoint = load(WHERE + DEVICE).endpoint(source="box.toml", table="alarm_broker", base=tmp_path)
    assert endpoint.credentials is not None
    assert str(endpoint) == "127.0.0.1:8883"


def test_a_file_that_is_missing_is_told_by_the_line_that_names_it(tmp_path: Path) -> None:
    source = tmp_path / "desk.toml"
    text = f"[alarm_broker]\n{WHERE}{DEVICE}[telemetry_broker]\n{WHERE}{SERVICE}"
    source.write_text(text)
    telemetry = load_toml(text, File, source=str(source)).telemetry_broker
    assert telemetry is not None
    with pytest.raises(ConfigError) as caught:
        telemetry.endpoint(source=str(source), table="telemetry_broker", base=tmp_path)
    assert str(caught.value) == (
        f"{source}:10: telemetry_broker.ca: {tmp_path / 'trust.pem'} cannot be read: No such file or directory;"
        " correct the path, or copy it from the authority"
    )


def test_a_password_is_in_no_words_about_the_broker(tmp_path: Path, trust: Trust) -> None:
    trust.render_broker("alarm", device_port=1, centre_port=2)
    endpoint = trust.service("desk", 8893)
    password = (trust.authority.accounts / "desk.password").read_text().strip()
    assert endpoint.credentials is not None
    assert endpoint.credentials.password == password
    assert password not in repr(endpoint) + str(endpoint)
