"""The bell's configuration file: what is wrong in it is told before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from duty_desk.bell.settings import load_bell
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.trust import Trust
from tests.duty_desk.bell.stand import BellStand


@pytest.fixture
def stand(tmp_path: Path, trust: Trust) -> BellStand:
    """Return a bell that is not started, nor are its brokers."""
    brokers = Mosquitto(tmp_path, "a", trust, "alarm"), Mosquitto(tmp_path, "b", trust, "telemetry")
    for broker in brokers:
        broker.render()
    return BellStand(tmp_path / "bell", *brokers, sms='[sms]\nto = ["+6281200000001"]\n')


def test_what_is_right_is_read(stand: BellStand) -> None:
    bell = load_bell(stand.config)
    assert (bell.settings.name, bell.data, bell.gammu) == ("bell", stand.data, Path("/etc/gammu-smsdrc"))
    assert {lane: broker.credentials is not None for lane, broker in bell.brokers.items()} == {
        "alarm": True,
        "telemetry": True,
    }


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('data_dir = "data"\n', "", "data_dir"),
        ('data_dir = "data"\n', 'data_dir = "data"\nname = "bell-2"\n', "centre.bell-2"),
        ("centre.bell", "centre.desk", "the bell's own account"),
        ("[siren]", "[beacon]", "beacon"),
        ("line=siren", "lin=siren", "sim:///PATH"),
        ("line=silence", "line=Silence", "a-z"),
        ("+6281200000001", "081200000001", "sms.to"),
        ('to = ["+6281200000001"]', "to = []", "sms.to"),
        ("bell.password", "no.password", "password"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(stand: BellStand, old: str, new: str, words: str) -> None:
    text = stand.config.read_text()
    assert old in text
    stand.config.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as told:
        load_bell(stand.config)
    assert words in str(told.value)
    assert str(stand.config) in str(told.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="readable"):
        load_bell(tmp_path / "bell.toml")
