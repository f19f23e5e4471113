"""The simulated modem: its AT commands, its SIM, its PDUs, and what its network does to messages."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from simulator.modem.modem import Modem, Sent
from simulator.modem.network import EXPIRED, Network, Weather
from simulator.modem.pdu import PduError, deliver, pack, read_submit, tpdu_length, unpack
from simulator.modem.service import running

SUBMIT = "0031000C9126185155100100000105C8329BFD06"
"""`Hello` to +628115550110 with a report asked for, for ten minutes."""
S = 10**9


def ask(modem: Modem, text: str, now_ns: int = 0) -> str:
    """Return what a modem answers, without its echo."""
    modem.feed(text.encode() + b"\r", now_ns)
    return modem.take().decode().replace(f"{text}\r", "", 1)


def send(modem: Modem, now_ns: int = 0) -> str:
    """Let a modem send; return what it answers then."""
    ask(modem, f"AT+CMGS={tpdu_length(SUBMIT)}", now_ns)
    modem.feed(SUBMIT.encode() + b"\x1a", now_ns)
    modem.tick(now_ns)
    return modem.take().decode().strip()


def test_a_submit_is_read_and_what_is_none_is_refused() -> None:
    read = read_submit(SUBMIT)
    assert (read.number, read.text, read.report, read.validity) == ("+628115550110", "Hello", True, 1)
    for wrong in ("", "zz", SUBMIT[:-4], "00" + "44" + SUBMIT[4:]):
        with pytest.raises(PduError):
            read_submit(wrong)


def test_septets_are_packed_as_the_standard_has_it() -> None:
    assert pack([ord(each) for each in "hellohello"]).hex() == "e8329bfd4697d9ec37"
    assert unpack(bytes.fromhex("e8329bfd4697d9ec37"), 10) == [ord(each) for each in "hellohello"]


def test_a_message_lies_on_the_sim_until_it_is_deleted_and_a_full_sim_takes_none() -> None:
    modem = Modem(Network(Weather(), 1), places=1)
    modem.incoming("+628115550110", "1", 0)
    modem.incoming("+628115550110", "2", 0)
    assert modem.take().decode() == '\r\n+CMTI: "SM",1\r\n'
    assert deliver("+628115550110", "1", 0) in ask(modem, "AT+CMGL=4")
    assert ask(modem, "AT+CMGR=2").strip() == "ERROR"
    told = ask(modem, "AT+CMGD=1")
    assert "OK" in told
    assert '+CMTI: "SM",1' in told
    assert deliver("+628115550110", "2", 0) in ask(modem, "AT+CMGR=1")


@pytest.mark.parametrize(("stores", "told"), [(True, "+CDSI:"), (False, "+CDS:")])
def test_a_delivery_is_reported_once_it_was_asked_for(stores: bool, told: str) -> None:
    modem = Modem(Network(Weather(deliver_s=(2.0, 2.0)), 1), stores_reports=stores)
    ask(modem, f"AT+CNMI=2,1,0,{2 if stores else 1},0")
    assert send(modem) == "+CMGS: 0\r\n\r\nOK"
    modem.tick(S)
    assert modem.take() == b""
    assert modem.next_ns() == 2 * S
    modem.tick(2 * S)
    assert told in modem.take().decode()
    assert modem.sent[0].arrived


def test_messages_are_lost_on_the_seed_and_no_other_way() -> None:
    def arrived(seed: int) -> list[bool]:
        modem = Modem(Network(Weather(lost=0.3, failed=0.1), seed))
        for _ in range(200):
            assert send(modem).endswith("OK")
        return [each.arrived for each in modem.sent]

    assert arrived(7) == arrived(7) != arrived(8)
    assert 100 < sum(arrived(7)) < 150
    assert EXPIRED in {each.status for each in _all_failed()}


def _all_failed() -> list[Sent]:
    modem = Modem(Network(Weather(failed=1.0), 1))
    send(modem)
    return list(modem.sent)


def test_what_it_is_told_to_fail_fails_and_nothing_else() -> None:
    modem = Modem(Network(Weather(), 1))
    modem.fail_next.extend((322, None))
    assert [send(modem) for _ in range(3)] == ["+CMS ERROR: 322", "ERROR", "+CMGS: 0\r\n\r\nOK"]
    modem.registered = False
    assert send(modem) == "+CMS ERROR: 331"
    modem.silent = True
    assert ask(modem, "AT") == ""


async def test_a_hand_at_its_socket_lets_messages_in_and_pulls_it_out(tmp_path: Path) -> None:
    async with running(Modem(Network(Weather(), 1)), tmp_path / "modem") as service:
        serving = asyncio.create_task(service.serve(tmp_path / "sock"))
        while not (tmp_path / "sock").exists():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.005)
        reader, writer = await asyncio.open_unix_connection(tmp_path / "sock")

        async def do(line: str) -> dict[str, object]:
            writer.write(line.encode() + b"\n")
            told: dict[str, object] = json.loads(await reader.readline())
            return told

        assert (tmp_path / "modem").exists()
        assert await do('{"do": "incoming", "number": "+62811", "text": "1"}') == {"done": "incoming"}
        assert "1,20" in ask(service.modem, 'AT+CPMS="SM"')
        assert await do('{"do": "unplug"}') == {"done": "unplug"}
        assert not (tmp_path / "modem").exists()
        assert await do('{"do": "plug"}') == {"done": "plug"}
        assert (tmp_path / "modem").exists()
        assert "error" in await do("nonsense")
        writer.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
