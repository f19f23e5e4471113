"""CAP over HTTP and from the ledger, on a real desk."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from lxml import etree

from duty_desk.cap.feed import ATOM
from duty_desk.cap.message import NAMESPACE
from tests.duty_desk.conftest import Desk, session_token
from tests.duty_desk.ledger.test_beside import eventually
from tests.duty_desk.pages.conftest import act, take_call

pytestmark = pytest.mark.slow

TABLE = '[cap]\nsender = "siaga.bandung.go.id"\ncity = "Kota Bandung"\n'


def fetch(desk: Desk, path: str, who: str = "petugas-1") -> tuple[int, str, bytes]:
    """Return status, type and body."""
    request = urllib.request.Request(desk.url + path, headers={"cookie": f"siaga={session_token(who)}"})
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read()


def test_the_feed_leads_to_each_message_and_nothing_of_the_caller_is_in_it(desk: Desk) -> None:
    desk.process.stop()
    desk.config.write_text(desk.config.read_text() + TABLE)
    desk.start()
    incident = take_call(desk, address="Gang Mawar 7", caller="0812 555 0112", note="dua motor")
    act(desk, incident["id"], "accept")
    eventually(lambda: desk.incidents()[0]["recorded"])
    status, kind, body = fetch(desk, "/api/cap")
    assert (status, kind) == (200, "application/atom+xml")
    (link,) = etree.fromstring(body).findall(f"{{{ATOM}}}entry/{{{ATOM}}}link")
    path = str(link.get("href")).removeprefix(desk.url)
    assert path == f"/api/cap/{incident['id']}/2"
    status, kind, body = fetch(desk, path)
    assert (status, kind) == (200, "application/cap+xml")
    assert etree.fromstring(body).findtext(f"{{{NAMESPACE}}}msgType") == "Update"
    for hidden in ("Mawar", "0812", "motor", "Petugas"):
        assert hidden.encode() not in body
    assert fetch(desk, f"/api/cap/{incident['id']}/3")[0] == 404
    assert fetch(desk, "/api/cap/01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e0f/1")[0] == 404

    out = desk.folder / "cap"
    told = export(desk, out)
    assert told.returncode == 0, told.stderr
    assert sorted(file.name for file in out.iterdir()) == [f"{incident['id']}.{number}.xml" for number in (1, 2)]
    alert = etree.fromstring((out / f"{incident['id']}.2.xml").read_bytes())
    assert alert.findtext(f"{{{NAMESPACE}}}references") == etree.fromstring(body).findtext(f"{{{NAMESPACE}}}references")


def test_without_the_table_it_says_what_to_do(desk: Desk) -> None:
    status, _, body = fetch(desk, "/api/cap")
    assert (status, b"cap_off" in body) == (404, True)
    told = export(desk, desk.folder / "cap")
    assert (told.returncode, "[cap]" in told.stderr) == (1, True)


def export(desk: Desk, out: Path) -> subprocess.CompletedProcess[str]:
    """Run the command once the ledger has what was done."""
    eventually(lambda: all(incident["recorded"] for incident in desk.incidents()))
    return subprocess.run(
        [*desk.command("export-cap"), "--out", str(out)], capture_output=True, text=True, timeout=30, check=False
    )
