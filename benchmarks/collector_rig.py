"""What `make bench-collector` measures with: a broker, a store, a collector, a generator, each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.generator import FIELDS, Order, Outcome, device_name
from benchmarks.plain_broker import PlainToo
from collector.config import CollectorSettings
from collector.line_protocol import line
from collector.main import serve
from collector.metrics import parse
from collector.session import Terms
from contract.batch import Reading
from contract.topics import ALL_TELEMETRY
from link import BrokerSettings, Credentials, Endpoint
from provisioning.files import write_private
from siaga.stack.influxdb import COLLECTOR, InfluxDB
from siaga.stack.ports import free_port
from siaga.stack.process import Process
from siaga.stack.trust import HOST, Trust

RECEIVE_MAXIMUM: Final = Terms(Endpoint(HOST, 1), "any", ALL_TELEMETRY).receive_maximum
_LIMITS: Final = {
    # What the two sides are measured with; the queue is deep enough that the broker drops nothing.
    "inflight_messages": RECEIVE_MAXIMUM,
    "queued_messages": 1_000_000,
    "queued_bytes": 1024 * 1024 * 1024,
}
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_TIMEOUT_S: Final = 300.0
_POLL_S: Final = 0.01
_CURL_LINES: Final = 5_000
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Run:
    """One run: messages a second until the last is done, CPU in µs a message, peak memory in MB, points stored."""

    rate: float
    cpu_us: float
    rss_mb: float = 0.0
    points: int = 0
    missing: int = 0
    user_us: float = 0.0


class Rig:
    """The broker and the store, in a folder of their own; a context manager."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="siaga-"))
        self.broker = PlainToo(self.folder, "broker", Trust(self.folder / "authority"), "telemetry", limits=_LIMITS)
        self.influxdb = InfluxDB(self.folder / "influxdb")
        self._number = 0

    def __enter__(self) -> Rig:
        self.broker.start()
        self.influxdb.start()
        return self

    def __exit__(self, *_: object) -> None:
        import shutil

        self.broker.stop()
        self.influxdb.stop()
        shutil.rmtree(self.folder)

    def endpoint(self, *, tls: bool) -> Endpoint:
        """Return the broker, over TLS or plain."""
        return self.broker.service("collector-1") if tls else self.broker.plain()

    def order(self, *, messages: int, readings: int, devices: int, kind: str = "water_level", **more: Any) -> Order:
        """Return what the generator is to send next, from devices of their own."""
        self._number += 1
        credentials = self.broker.plain().credentials
        assert credentials is not None
        assert credentials.username is not None
        assert credentials.password is not None
        return Order(
            host=HOST,
            port=self.broker.plain().port,
            username=credentials.username,
            password=credentials.password,
            name=f"g{self._number}",
            devices=devices,
            messages=messages,
            readings=readings,
            kind=kind,
            first_ns=time.time_ns() - 3_600 * 10**9,
            receipts=more.pop("receipts", True),
            **more,
        )

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Yield the name of an empty database; it is dropped afterwards."""
        name = f"bench_{self._number}"
        self.influxdb.create_database(name)
        yield name
        self.influxdb.drop_database(name)

    # --- runs

    def collector(self, order: Order, *, tls: bool = False) -> Run:
        """Let the collector take what is ordered."""
        total = order.messages * order.readings
        with (
            self.fresh_database() as database,
            self.collecting(database, tls=tls) as running,
            self.generating(order) as generator,
        ):
            began_cpu_s, began_user_s = cpu_s(running.pid)
            generator.go()
            stored_s = running.wait_stored(total)
            ended_cpu_s, ended_user_s = cpu_s(running.pid)
            rss_mb = peak_mb(running.pid)
            outcome = generator.outcome()
            points = self.points(database, order.kind)
        return Run(
            order.messages / (stored_s - outcome.began_s),
            (ended_cpu_s - began_cpu_s) / order.messages * 1e6,
            rss_mb,
            points,
            outcome.missing,
            (ended_user_s - began_user_s) / order.messages * 1e6,
        )

    def subscriber(self, order: Order, *, tls: bool = False) -> Run:
        """Let `mosquitto_sub` take the same and throw it away."""
        endpoint = self.endpoint(tls=tls)
        credentials = endpoint.credentials
        assert credentials is not None
        command = [
            "mosquitto_sub",
            "-h",
            HOST,
            "-p",
            str(endpoint.port),
            "-V",
            "5",
            "-q",
            "1",
            "-F",
            "",
            "-i",
            order.name,
        ]
        command += ["-u", str(credentials.username), "-P", str(credentials.password), "-t", ALL_TELEMETRY]
        command += ["-D", "connect", "receive-maximum", str(RECEIVE_MAXIMUM), "-C", str(order.messages + 1)]
        if tls:
            command += ["--cafile", str(self.broker.trust.authority.trust)]
        popen = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            with self.generating(order) as generator:
                began_cpu_s, _ = cpu_s(popen.pid)
                generator.go()
                _, status, used = os.wait4(popen.pid, 0)
                ended_s = time.monotonic()
                popen.returncode = os.waitstatus_to_exitcode(status)
                outcome = generator.outcome()
        finally:
            if popen.returncode is None:
                popen.kill()
                popen.wait()
        if popen.returncode:
            raise SystemExit(f"mosquitto_sub ended with status {popen.returncode}")
        spent_s = used.ru_utime + used.ru_stime - began_cpu_s
        return Run(order.messages / (ended_s - outcome.began_s), spent_s / order.messages * 1e6, used.ru_maxrss / 1024)

    def curl(self, order: Order) -> Run:
        """Let `curl` post the same points as ready line protocol, one body after the other; a message is a point."""
        with self.fresh_database() as database:
            config = self._curl_config(order, database)
            began_s = time.monotonic()
            subprocess.run(["curl", "-sS", "--fail", "-K", str(config)], check=True, stdout=subprocess.DEVNULL)
            took_s = time.monotonic() - began_s
            points = self.points(database, order.kind)
        return Run(order.messages * order.readings / took_s, 0.0, points=points)

    def _curl_config(self, order: Order, database: str) -> Path:
        folder = self.folder / order.name
        folder.mkdir()
        password = self.influxdb.password_file(COLLECTOR).read_text().strip()
        lines: list[str] = []
        requests: list[str] = []
        for number in range(order.messages * order.readings):
            # The order in which the collector's bodies have them: device by device.
            device, place = number // order.readings % order.devices, number // order.devices
            reading: Reading = {
                "timestamp_ns": order.first_ns + (place * order.readings + number % order.readings) * 1_000_003,
                "sensor": "level",
                "kind": order.kind,
                "fields": dict(FIELDS[order.kind]),
                "clock": "ntp",
            }
            lines.append(line(device_name(order.name, device), reading))
            if len(lines) == _CURL_LINES or number + 1 == order.messages * order.readings:
                body = folder / f"{len(requests)}.lines"
                body.write_text("\n".join(lines))
                lines.clear()
                url = f"{self.influxdb.url}/write?db={database}&precision=ns"
                requests.append(f'url = "{url}"\nuser = "{COLLECTOR}:{password}"\ndata-binary = "@{body}"\n')
        config = folder / "curl.conf"
        write_private(config, "next\n".join(requests).encode())
        return config

    def points(self, database: str, kind: str) -> int:
        """Return how many points the store has."""
        field = next(iter(FIELDS[kind]))
        series = self.influxdb.query(f"SELECT count({field}) FROM {kind}", database=database)
        return int(series[0]["values"][0][1]) if series else 0

    # --- processes

    @contextmanager
    def collecting(self, database: str, *, tls: bool) -> Iterator[Running]:
        """Yield a running collector."""
        endpoint = self.endpoint(tls=tls)
        credentials = endpoint.credentials
        assert credentials is not None
        port = free_port()
        name = f"collector-{database}-{port}"
        told = {
            "data_dir": str(self.folder / name),
            "url": self.influxdb.url,
            "database": database,
            "store_password_file": str(self.influxdb.password_file(COLLECTOR)),
            "port": endpoint.port,
            "ca": str(self.broker.trust.authority.trust) if tls else None,
            "username": credentials.username,
            "password": credentials.password,
            "metrics_port": port,
        }
        file = self.folder / f"{name}.json"
        write_private(file, json.dumps(told).encode())
        process = Process([sys.executable, "-m", "benchmarks.collector_rig", str(file)], name=name, folder=self.folder)
        process.start()
        try:
            process.wait_ready()
            yield Running(process, port)
        finally:
            process.stop()

    @contextmanager
    def generating(self, order: Order) -> Iterator[Generator]:
        """Yield a generator that has its packets ready."""
        file = self.folder / f"{order.name}.json"
        write_private(file, json.dumps(asdict(order)).encode())
        popen = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.generator", str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        generator = Generator(popen)
        try:
            generator.line()
            yield generator
        finally:
            popen.kill()
            popen.communicate()


class Generator:
    """A generator that has its packets ready."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    def line(self) -> str:
        """Return its next line."""
        assert self._popen.stdout is not None
        text = self._popen.stdout.readline().decode()
        if not text:
            raise SystemExit("the generator ended early")
        return text

    def go(self) -> None:
        """Let it send."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(b"\n")
        self._popen.stdin.flush()

    def outcome(self) -> Outcome:
        """Wait for its end and return what it saw."""
        return Outcome(**json.loads(self.line()))


class Running:
    """A running collector."""

    def __init__(self, process: Process, port: int) -> None:
        self.pid = process.pid
        self._process = process
        self._url = f"http://{HOST}:{port}/metrics"

    def figures(self) -> dict[str, float]:
        """Return its metrics."""
        with _OPENER.open(self._url, timeout=5.0) as answer:
            return parse(answer.read().decode())

    def wait_stored(self, points: int) -> float:
        """Wait until the store has accepted that many points and return the moment, by CLOCK_MONOTONIC in s.

        It asks seldom at first, and each time half of what is left has come: asking costs the collector time.
        """
        began_s = time.monotonic()
        first = self.figures()["stored_total"]
        pause_s = _POLL_S
        while True:
            time.sleep(pause_s)
            stored, now_s = self.figures()["stored_total"], time.monotonic()
            if stored >= points:
                return now_s
            if now_s > began_s + _TIMEOUT_S:
                raise SystemExit(self._process.error(f"stored {stored:.0f} of {points} points"))
            rate = max(1.0, (stored - first) / (now_s - began_s))
            pause_s = min(1.0, max(_POLL_S, (points - stored) / rate / 2))


def cpu_s(pid: int) -> tuple[float, float]:
    """Return the processor time of a process, all of it and in user mode, in s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / _TICKS, user / _TICKS


def peak_mb(pid: int) -> float:
    """Return the most memory a process ever had, in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM:")) / 1024


def run_collector(file: Path) -> None:
    """Collect as `siaga collector run` does, but for an endpoint that may be plain."""
    told = json.loads(file.read_text())
    context = None
    if told["ca"] is not None:
        import ssl

        context = ssl.create_default_context(cafile=told["ca"])
    endpoint = Endpoint(HOST, told["port"], Credentials(context, told["username"], told["password"]))
    settings = CollectorSettings.model_validate(
        {
            "data_dir": told["data_dir"],
            "broker": BrokerSettings(
                host=HOST, port=told["port"], ca=file, username=told["username"], password_file=file
            ),
            "store": {
                "url": told["url"],
                "database": told["database"],
                "username": COLLECTOR,
                "password_file": told["store_password_file"],
            },
            "metrics": {"port": told["metrics_port"]},
        }
    )
    serve(settings, endpoint, settings.store.account(file))


if __name__ == "__main__":
    run_collector(Path(sys.argv[1]))
