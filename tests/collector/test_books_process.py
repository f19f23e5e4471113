"""The books with real processes: reports over a real broker, counts of a real store, the command's own words."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from collector.books import HOUR_NS
from collector.books_file import FILE, read_marks
from collector.books_keeper import BooksKeeper
from collector.deafness import Deafness
from collector.quarantine import FILE as QUARANTINE
from collector.quarantine_read import read_rows
from contract.messages import Books, Report, encode
from contract.topics import report as report_topic
from link import LinkError
from provisioning.brokers.accounts import ensure_password
from provisioning.brokers.model import account
from siaga.stack.influxdb import READER
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from siaga.stack.trust import Trust
from tests.collector.batches import STREAM, body, reading
from tests.collector.box import Box, box
from tests.collector.test_process import COMMAND, ask, send, write_config
from tests.conftest import Database
from tests.link.harness import until
from tests.warm import WarmProcess

pytestmark = pytest.mark.slow

GROUP = ("collector-1", "collector-2")


def _report(at_ns: int, produced: int, **changes: object) -> bytes:
    books = Books(produced=produced, receipted=produced, waiting=0, dropped={})
    whole = Report(
        device="box-1",
        boot="boot",
        timestamp_ns=at_ns,
        clock="ntp",
        software="1",
        readings=books,
        presses=Books(produced=0, receipted=0, waiting=0, dropped={}),
        faults={},
        stream=STREAM,
    )
    return encode(whole.model_copy(update=changes))


def _books(config: Path, influxdb: Database, *words: str) -> tuple[int, list[dict[str, object]]]:
    password_file = str(influxdb.server.password_file(READER))
    account_words = ["--username", READER, "--password-file", password_file]
    code, told = ask(config.parent, "books", "--config", str(config), *account_words, *words, "--json")
    return code, [json.loads(line) for line in told.splitlines() if line.startswith("{")]


async def _send(one: Box, number: int, times_ns: list[int]) -> None:
    await one.send(number, body(number=number, readings=[reading(timestamp_ns=at_ns) for at_ns in times_ns]))


async def test_the_books_balance_and_a_reading_that_the_store_lost_is_named(
    tmp_path: Path, trust: Trust, influxdb: Database
) -> None:
    broker = Mosquitto(tmp_path, "telemetry-broker", trust, "telemetry")
    broker.start()
    config = write_config(tmp_path, broker, influxdb.server, influxdb.database)
    _keep_books(config, trust, influxdb)
    collector = WarmProcess([*COMMAND, "run", "--config", str(config)], name="collector-1", folder=tmp_path)
    # Two hours ago, in the middle of an hour, so that no report of this test falls into another one.
    hour_ns = (time.time_ns() // HOUR_NS - 3) * HOUR_NS
    reports = {hour_ns + minute * 60 * 10**9: minute * 60 for minute in (1, 20, 40, 58, 75)}
    try:
        collector.start()
        collector.wait_ready()
        async with box(broker) as one:
            # Once the first is noted, the others are heard.
            books, first = tmp_path / "data" / FILE, next(iter(reports.items()))
            noted = asyncio.create_task(_publish_until_noted(one, *first, books), name="noted")
            for number in range(1, 75):
                await _send(one, number, [hour_ns + (number * 60 + second) * 10**9 for second in range(1, 61)])
            await noted
            for at_ns, produced in reports.items():
                await one.session.publish(report_topic("box-1"), _report(at_ns, produced))
            await _publish_until_noted(one, *next(reversed(reports.items())), books)
            await one.all_receipted()
        code, told = _books(config, influxdb, "box-1")
        assert (code, [row["state"] for row in told]) == (0, ["balanced", "balanced"])
        assert (told[0]["produced"], told[0]["stored"], told[0]["difference"]) == (57 * 60, 57 * 60, 0)
        gone = [hour_ns + (1_000 + second) * 10**9 for second in range(30)]
        async with influxdb.store() as store:
            await store.administer(f'DELETE FROM "position" WHERE time >= {gone[0]} AND time <= {gone[-1]}')
        code, told = _books(config, influxdb, "--faults")
        assert (code, [row["state"] for row in told]) == (1, ["short"])
        assert isinstance(told[0]["difference"], int)
        assert -30 <= told[0]["difference"] <= -20, "but for the readings near the ends of the hour"
        assert _books(config, influxdb, "box-2") == (0, [])
        mute = tmp_path / "mute.toml"
        mute.write_text("\n".join(line for line in config.read_text().splitlines() if not line.startswith("store_")))
        code, refused = ask(tmp_path, "books", "--config", str(mute))
        assert code == 69, "who writes may not count"
        assert "store_username in [books], or --username" in refused
    finally:
        collector.stop()
        broker.stop()


def _keep_books(config: Path, trust: Trust, influxdb: Database, *others: Path) -> None:
    lines = [
        "[books]",
        f'username = "{account("books").username}"',
        f'password_file = "{trust.authority.accounts / "books.password"}"',
        f'store_username = "{READER}"',
        f'store_password_file = "{influxdb.server.password_file(READER)}"',
        f"others = {[str(folder) for folder in others]}",
    ]
    config.write_text("\n".join([config.read_text(), *lines, ""]))


async def test_fault_30_the_books_of_a_group_are_kept_by_one_and_hold_through_its_death(
    tmp_path: Path, trust: Trust, influxdb: Database
) -> None:
    """Each member refuses some readings, and the one that keeps the books is dead for a while."""
    ensure_password(trust.folder, "collector-2")
    broker = Mosquitto(tmp_path, "telemetry-broker", trust, "telemetry")
    broker.start()
    configs, processes = [], []
    for name in GROUP:
        config = write_config(tmp_path, broker, influxdb.server, influxdb.database, name=name, group=True)
        configs.append(config)
        processes.append(WarmProcess([*COMMAND, "run", "--config", str(config)], name=name, folder=tmp_path))
    _keep_books(configs[0], trust, influxdb, tmp_path / "collector-2")
    # Refusals belong to the hour in which they come: this one. A device's clock may be ahead.
    hour = time.time_ns() // HOUR_NS
    begin_ns = hour * HOUR_NS + 60 * 10**9
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.wait_ready()
        async with box(broker) as one:
            books = tmp_path / "collector-1" / FILE
            await _publish_until_noted(one, begin_ns, 0, books)
            for number in range(100):
                if number == 50:
                    await one.all_receipted()
                    processes[0].kill()
                at_ns = [begin_ns + (10 + number * 4 + place) * 10**9 for place in range(4)]
                some = [reading(timestamp_ns=ns, kind="mood" if ns == at_ns[0] else "position") for ns in at_ns]
                await one.send(number, body(number=number, readings=some))
            await one.all_receipted()
            processes[0].start()
            processes[0].wait_ready()
            await _publish_until_noted(one, begin_ns + 500 * 10**9, 400, books)
        refused = [sum(row.readings for row in read_rows(tmp_path / name / QUARANTINE)) for name in GROUP]
        assert min(refused) > 0
        assert sum(refused) >= 100
        if time.time_ns() // HOUR_NS != hour:
            pytest.skip("an hour ended meanwhile")
        code, [told] = _books(configs[0], influxdb)
        assert (code, told["state"], told["produced"], told["stored"]) == (0, "balanced", 400, 300), told
        configs[0].write_text(configs[0].read_text().replace(f"['{tmp_path / 'collector-2'}']", "[]"))
        code, [told] = _books(configs[0], influxdb)
        assert (code, told["state"]) == (0, "not judged"), "what the other one refused is no loss"
        configs[0].write_text(configs[0].read_text().replace("others = []", f"others = ['{tmp_path / 'nobody'}']"))
        assert _books(configs[0], influxdb)[0] == 74
    finally:
        for process in processes:
            process.stop()
        broker.stop()


async def _publish_until_noted(one: Box, at_ns: int, produced: int, books: Path) -> None:
    async with asyncio.timeout(10):
        while True:
            with suppress(LinkError):  # who is ready need not hear reports yet: nobody does
                await one.session.publish(report_topic("box-1"), _report(at_ns, produced))
            for _ in range(20):
                await asyncio.sleep(0.05)
                if any(mark.timestamp_ns == at_ns for mark in read_marks(books, "box-1", 0)):
                    return


async def test_only_a_report_of_the_device_itself_with_a_clock_near_ours_is_noted_and_what_waits_is_bounded(
    telemetry_broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = BooksKeeper(telemetry_broker.service("collector-1"), tmp_path / FILE)
    now_ns = time.time_ns()
    topic = report_topic("box-1")
    keeper.take(topic, _report(now_ns, 1), False)
    keeper.take(report_topic("box-2"), _report(now_ns, 1), False)
    keeper.take(topic, _report(now_ns, 1), True)
    keeper.take(topic, _report(now_ns, 1, stream=None), False)
    keeper.take(topic, _report(now_ns + 2 * 86_400 * 10**9, 1), False)
    keeper.take(topic, _report(10**9, 1), False)
    keeper.take(topic, b"{", False)
    keeper.take("siaga/v1/up", b"{}", False)
    assert dict(keeper.counters) == {
        "reports": 1,
        "refused: not of this device, or without a stream": 3,
        "refused: its clock is far off": 2,
        "refused: not json": 1,
        "refused: unknown topic": 1,
    }
    monkeypatch.setattr("collector.books_keeper.MAX_WAITING", 5)
    for _ in range(10):
        keeper.take(topic, _report(now_ns, 1), False)
    assert (keeper.counters["reports"], keeper.counters["dropped"]) == (5, 6)


async def test_books_that_are_not_kept_are_told_at_readyz_and_readings_go_on(
    telemetry_broker: Mosquitto, influxdb: Database, tmp_path: Path
) -> None:
    port = free_port()
    config = write_config(tmp_path, telemetry_broker, influxdb.server, influxdb.database, metrics_port=port)
    _keep_books(config, telemetry_broker.trust, influxdb)
    wrong = tmp_path / "wrong.password"
    wrong.touch(0o600)
    wrong.write_text("x" * 43)
    config.write_text(
        config.read_text().replace(str(telemetry_broker.trust.authority.accounts / "books.password"), str(wrong))
    )
    collector = WarmProcess([*COMMAND, "run", "--config", str(config)], name="collector-1", folder=tmp_path)
    collector.start()
    try:
        collector.wait_ready()
        async with box(telemetry_broker) as one, aiohttp.ClientSession() as http, asyncio.timeout(10):
            await send(one, range(5))
            await one.all_receipted()
            told = ""
            while "the broker refused the log-in" not in told:
                async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    assert answer.status == 200, "it is ready: readings are stored"
                    told = await answer.text()
        assert "no device's report is noted for the books" in told
    finally:
        collector.stop()


async def test_why_no_report_is_noted_is_told(telemetry_broker: Mosquitto, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.touch()
    keeper = BooksKeeper(telemetry_broker.service("books"), blocked / FILE, gather_s=0.0)
    assert "not connected" in keeper.told()[0]
    task = asyncio.create_task(keeper.run(), name="keeper")
    await until(lambda: keeper.told() == ())
    keeper.take(report_topic("box-1"), _report(time.time_ns(), 1), False)
    await until(lambda: any(str(blocked) in why for why in keeper.told()))
    blocked.unlink()
    keeper.take(report_topic("box-1"), _report(time.time_ns(), 2), False)
    await until(lambda: keeper.told() == ())
    assert [mark.produced for mark in read_marks(blocked / FILE, "box-1", 0)] == [2]
    telemetry_broker.kill()
    await until(lambda: bool(keeper.told()))
    task.cancel()
    await asyncio.wait([task])


async def _report_on(one: Box) -> None:
    while True:
        with suppress(LinkError):
            await one.session.publish(report_topic("box-1"), _report(time.time_ns(), 1))
        await asyncio.sleep(0.02)


async def test_a_broker_that_hands_over_no_report_any_more_is_noticed_and_told(
    telemetry_broker: Mosquitto, tmp_path: Path
) -> None:
    keeper = BooksKeeper(telemetry_broker.service("books"), tmp_path / FILE, deafness=Deafness(after_s=0.3))
    task = asyncio.create_task(keeper.run(), name="keeper")
    await until(lambda: any("no box is heard" in why for why in keeper.told()))
    assert keeper.session.connects == 1, "who never heard anything is not connected anew"
    async with box(telemetry_broker) as one:
        # Again and again: what is heard once is silence again 0.3 s later.
        reporting = asyncio.create_task(_report_on(one), name="reporting")
        await until(lambda: keeper.counters["reports"] > 0 and keeper.told() == ())
        reporting.cancel()
        await asyncio.wait([reporting])
    await until(lambda: keeper.session.connects > 1)
    await until(lambda: any("no box is heard" in why for why in keeper.told()))
    task.cancel()
    await asyncio.wait([task])
