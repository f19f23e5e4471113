from __future__ import annotations

import io
import json
import os
import select
import signal
import struct
import subprocess
import sys
import tty
from collections import Counter
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract.batch import READING
from contract.errors import EX_CONFIG
from edge_agent.cli import app
from edge_agent.drivers.base import Sample
from edge_agent.lines import tty_candidates
from edge_agent.read import run_read, summary
from tests.edge_agent.drivers.nmea_text import THREE_NS, gga, rmc

WALK = rmc("030000.00") + gga("030000.00") + rmc("030001.50") + rmc("030002.00", status="V")
PROGRAM = "import sys; from edge_agent.read import run_read; sys.exit(run_read(sys.argv[1], 'nmea', json_lines=True, limit=None, out=sys.stdout))"  # noqa: E501


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "gps.log"
    path.write_bytes(b"# a walk\r\n" + WALK)
    return path


def _run(uri: str, *, driver: str = "nmea", json_lines: bool = False, limit: int | None = None) -> tuple[int, str]:
    out = io.StringIO()
    return run_read(uri, driver, json_lines=json_lines, limit=limit, out=out), out.getvalue()


def test_json_has_exactly_what_a_reading_has(log: Path) -> None:
    status, text = _run(f"replay://{log}", json_lines=True)
    assert status == 0
    first, second = (json.loads(line) for line in text.splitlines())
    assert first == {
        "timestamp_ns": THREE_NS,
        "sensor": "gps",
        "kind": "position",
        "fields": {
            "latitude": -6.9215,
            "longitude": 107.6069,
            "altitude_m": 712.5,
            "speed_mps": 0.0,
            "satellites": 8,
            "hdop": 1.1,
        },
    }
    assert second["timestamp_ns"] == THREE_NS + 1_500_000_000
    READING.validate_python({**first, "clock": "gnss"}, strict=True)


def test_words_are_one_reading_a_line(log: Path) -> None:
    assert _run(f"replay://{log}", limit=1) == (
        0,
        "2026-11-22T03:00:00.000Z gps position latitude=-6.9215 longitude=107.6069 speed_mps=0 altitude_m=712.5 "
        "hdop=1.1 satellites=8\n",
    )


def test_the_end_is_summed_up_in_two_languages(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(f"replay://{log}")
    told = capsys.readouterr().err
    assert "Masuk: " in told
    assert "4 kalimat" in told
    assert "1 tanpa posisi" in told
    assert "4 sentences" in told
    assert "1 no fix" in told
    assert "kacau" not in told


def test_a_driver_that_needs_more_than_a_line_says_so_without_a_file_that_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _run("serial:///dev/ttyUSB0", driver="pattern") == (EX_CONFIG, "")
    assert capsys.readouterr().err.startswith("siaga edge read: readings: driver 'pattern' needs it")


def test_a_garbled_line_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_bytes(b"\xf8\x80" * 4_000)
    assert _run(f"replay://{tmp_path}/log") == (0, "")
    told = capsys.readouterr().err
    assert "Jalur kacau" in told
    assert "check the baud rate" in told


class _OwnDriver:
    """A city's own driver, whose fault has a reason that we know."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter({"no fix": 3})

    async def samples(self) -> AsyncGenerator[list[Sample], None]:
        yield []

    def fault(self) -> str | None:
        return "no fix: no position for 61 s; check the antenna"


def test_every_fault_that_the_status_tells_in_indonesian_is_so_here_too() -> None:
    assert summary(_OwnDriver()).splitlines() == [
        "Masuk: 3 tanpa posisi.",
        "Received: 3 no fix.",
        "Belum dapat posisi: antena harus melihat langit; periksa kabelnya.",
        "Fault: no fix: no position for 61 s; check the antenna.",
    ]


@pytest.mark.parametrize(
    ("uri", "driver", "told"),
    [
        ("ttyUSB0", "nmea", "example"),
        ("serial:///dev/ttyUSB0?baud=1", "nmea", "known: baudrate, exclusive"),
        ("replay:///nope", "nmeaa", "there is no driver 'nmeaa'; did you mean 'nmea'?"),
    ],
)
def test_a_wrong_argument_is_78_before_anything_is_opened(
    uri: str, driver: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(uri, driver=driver) == (78, "")
    assert told in capsys.readouterr().err


BOX = """\
device = "box-1"
data_dir = "/var/lib/siaga"
[alarm_broker]
host = "h"
port = 8883
ca = "trust.pem"
certificate = "box-1.pem"
key = "box-1.key"
[telemetry_broker]
host = "h"
port = 8883
ca = "trust.pem"
certificate = "box-1.pem"
key = "box-1.key"
"""


def test_a_sensor_of_a_configuration_is_read_as_the_agent_does(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "box.toml"
    config.write_text(BOX + f"""[[sensors]]\nid = "gps-2"\ndriver = "nmea"\nuri = "replay://{log}"\n""")
    out = io.StringIO()
    asked = partial(run_read, None, None, json_lines=True, limit=1, out=out, config=config)
    assert asked(sensor="gps-2") == 0
    assert json.loads(out.getvalue())["sensor"] == "gps-2"
    capsys.readouterr()
    assert asked(sensor="gps") == 78
    assert "no sensor 'gps'; there are: gps-2" in capsys.readouterr().err


def test_a_line_that_cannot_be_opened_is_1_and_names_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("serial:///dev/ttyNOPE") == (1, "")
    told = capsys.readouterr().err
    assert "/dev/ttyNOPE: No such file or directory" in told
    for candidate in tty_candidates():
        assert candidate in told


@pytest.mark.slow
def test_ctrl_c_on_a_tty_sums_up_and_is_0() -> None:
    device, line = os.openpty()
    tty.setraw(line)
    uri = f"serial://{os.ttyname(line)}"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, uri], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            # What was sent before the port was opened is dropped by the opening.
            while not select.select([process.stdout], [], [], 0.02)[0]:
                os.write(device, WALK)
            # The opening may cut a walk in two.
            assert json.loads(process.stdout.readline())["timestamp_ns"] in (THREE_NS, THREE_NS + 1_500_000_000)
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=10)
        finally:
            process.kill()
    os.close(line)
    os.close(device)
    assert (process.returncode, "Traceback" in told) == (0, False)
    assert "sentences" in told


@pytest.mark.slow
def test_a_pipe_closed_early_is_no_error(log: Path) -> None:
    log.write_bytes(b"".join(rmc(f"03{at // 60:02}{at % 60:02}.00") for at in range(3_000)))
    command = f'{sys.executable} -c "{PROGRAM}" replay://{log} | head -n 1'
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=20)
    assert (done.returncode, len(done.stdout.splitlines()), "Traceback" in done.stderr) == (0, 1, False)


def test_a_sensor_that_reports_an_error_is_told_in_both_languages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [12, 20, 25, 12, 20, 25, 900, 300, 40, 6, 2, 0, 0x9701]
    covered = b"BM" + struct.pack(">14H", 28, *words)
    (tmp_path / "dust.bin").write_bytes(covered + struct.pack(">H", sum(covered)))
    assert _run(f"replay://{tmp_path}/dust.bin", driver="plantower") == (0, "")
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "Masuk: 32 bita, 1 bingkai, 1 galat sensor.",
        "Received: 32 bytes, 1 frames, 1 sensor error.",
        "Sensor melaporkan galat: bersihkan lubang udara dan kipasnya; kalau tetap, ganti.",
        "Fault: sensor error: it reports code 0x01; clean its inlet and fan, else replace it.",
    ]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["replay://gps.log"],
        ["--driver", "nmea"],
        ["--config", "box.toml"],
        ["--sensor", "gps"],
        ["replay://gps.log", "--driver", "nmea", "--config", "box.toml", "--sensor", "gps"],
    ],
)
def test_a_line_with_its_driver_or_a_configuration_with_a_sensor(words: list[str]) -> None:
    done = CliRunner().invoke(app, ["read", *words])
    assert done.exit_code == 2
    assert "--config and --sensor" in done.output
