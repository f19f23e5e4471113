"""A stand-in of Grafana and a grafana.toml that names it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboards.grafana.standin import TOKEN, Standin, serving


@pytest.fixture
def standin() -> Iterator[Standin]:
    """A Grafana that has nothing yet."""
    with serving() as made:
        yield made


@pytest.fixture
def config(tmp_path: Path, standin: Standin) -> Path:
    """A grafana.toml for the stand-in."""
    return write_config(tmp_path, standin.url)


def write_config(folder: Path, url: str, *, token: str = TOKEN, secret: str = "of-the-reader") -> Path:
    """Write grafana.toml with the files it names."""
    for name, text in (("grafana.token", token), ("reader.password", secret)):
        file = folder / name
        file.touch(mode=0o600)
        file.write_text(text + "\n")
    config = folder / "grafana.toml"
    config.write_text(
        f'url = "{url}"\ntoken_file = "grafana.token"\n[store]\nurl = "http://127.0.0.1:1"\n'
        'username = "reader"\npassword_file = "reader.password"\n'
    )
    return config
