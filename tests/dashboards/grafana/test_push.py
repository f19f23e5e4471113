"""Push against a stand-in on a socket: what differs is done and nothing else; what is wrong is one line that helps."""

from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dashboards.boards import DASHBOARDS
from dashboards.cli import app
from dashboards.grafana.alerts import RULES
from tests.dashboards.grafana.conftest import write_config
from tests.dashboards.grafana.standin import Standin

pytestmark = pytest.mark.slow  # some 40 requests a push
_THINGS = 2 + 2 * len(DASHBOARDS) + len(RULES)


def _run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_a_second_push_changes_nothing(standin: Standin, config: Path) -> None:
    first = _run("push", "--config", str(config))
    assert first.exit_code == 0, first.output
    assert len(first.stdout.splitlines()) == _THINGS + 1
    assert len(standin.kept["boards"]) == 2 * len(DASHBOARDS)
    assert standin.secrets == {"password": "of-the-reader"}
    standin.writes.clear()
    second = _run("push", "--config", str(config), "--json")
    assert json.loads(second.stdout) == {"done": True, "changes": []}
    assert standin.writes == []
    assert {board["dashboard"]["version"] for board in standin.kept["boards"].values()} == {1}
    assert _run("diff", "--config", str(config)).exit_code == 0


def test_the_first_9_3_cannot_list_its_rules(standin: Standin, config: Path) -> None:
    standin.lists_rules = False
    assert _run("push", "--config", str(config)).exit_code == 0
    assert _run("push", "--config", str(config)).stdout == "0 changed\n"


def test_a_dry_run_and_a_diff_change_nothing(standin: Standin, config: Path) -> None:
    dry = _run("push", "--dry-run", "--config", str(config))
    assert (dry.exit_code, dry.stdout.splitlines()[-1]) == (0, f"{_THINGS} to change")
    assert _run("diff", "--config", str(config)).exit_code == 1
    assert standin.writes == []


def test_what_somebody_changed_is_told_by_name_and_put_right(standin: Standin, config: Path, tmp_path: Path) -> None:
    _run("push", "--config", str(config))
    standin.kept["boards"]["siaga_city_id"]["dashboard"]["refresh"] = "1h"
    standin.kept["boards"]["siaga_air_en"]["meta"]["folderUid"] = "elsewhere"
    standin.kept["rules"]["siaga_disk"]["for"] = "5h"
    standin.kept["folders"]["siaga"]["title"] = "X"
    write_config(tmp_path, standin.url, secret="a-new-secret")
    told = _run("diff", "--config", str(config)).stdout.splitlines()
    assert told == [
        "update folder siaga (title)",
        "update data source siaga_store (jsonData)",
        "update dashboard siaga_city_id (refresh)",
        "update dashboard siaga_air_en (folder)",
        "update alert rule siaga_disk (for)",
        "5 to change",
    ]
    assert _run("push", "--config", str(config)).exit_code == 0
    assert standin.secrets == {"password": "a-new-secret"}
    assert _run("push", "--config", str(config)).stdout == "0 changed\n"


def test_nothing_of_others_is_touched(standin: Standin, config: Path) -> None:
    other = {"dashboard": {"uid": "other", "title": "Other", "tags": []}, "meta": {"folderUid": "other"}}
    standin.kept["boards"]["other"] = other
    standin.kept["rules"]["other"] = {"uid": "other", "title": "Other"}
    _run("push", "--config", str(config))
    assert standin.kept["boards"]["other"] is other
    assert standin.kept["rules"]["other"] == {"uid": "other", "title": "Other"}
    standin.kept["boards"]["siaga_city_id"] = {"dashboard": {"uid": "siaga_city_id", "tags": ["theirs"]}, "meta": {}}
    standin.writes.clear()
    refused = _run("push", "--config", str(config))
    assert refused.exit_code == 69
    assert "siaga_city_id is there and has not the tag siaga" in refused.stderr
    assert standin.writes == []


def test_a_dashboard_that_is_not_found_for_a_moment_is_not_overwritten(standin: Standin, config: Path) -> None:
    _run("push", "--config", str(config))
    standin.forgets = "siaga_city_en"
    refused = _run("push", "--config", str(config))
    assert refused.exit_code == 69
    assert "create dashboard siaga_city_en: " in refused.stderr
    assert "try again" in refused.stderr
    assert standin.kept["boards"]["siaga_city_en"]["dashboard"]["version"] == 1


def test_what_came_from_a_file_is_left_alone(standin: Standin, config: Path) -> None:
    _run("push", "--config", str(config))
    standin.kept["sources"]["siaga_store"]["readOnly"] = True
    refused = _run("push", "--config", str(config))
    assert refused.exit_code == 69
    assert "came from a provisioning file" in refused.stderr


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("refuses", "refuses the token (401); make a new one"),
        ("forbids", "the token may not (403); give its service account the role Admin"),
        ("redirects", "a log-in stands before it"),
        ("page", "answers with a page"),
        ("nowhere", "has no API there (404); correct url"),
    ],
)
def test_grafana_302_to_login_and_other_refusals_are_one_line(
    standin: Standin, config: Path, mode: str, says: str
) -> None:
    standin.mode = mode
    result = _run("push", "--config", str(config))
    assert result.exit_code == 69
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert standin.writes == []


@pytest.mark.parametrize(("version", "good"), [("9.3.0", True), ("9.2.20", False), ("12.1.0", True), ("", False)])
def test_a_grafana_that_is_too_old(standin: Standin, config: Path, version: str, good: bool) -> None:
    standin.version = version
    result = _run("push", "--dry-run", "--config", str(config))
    assert result.exit_code == (0 if good else 69)
    assert good or "9.3 or later" in result.stderr or "is no Grafana" in result.stderr


def test_a_grafana_that_is_down(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        config = write_config(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}/grafana/")
        result = _run("push", "--config", str(config))
    assert result.exit_code == 69
    assert result.stderr.count("\n") == 1
    assert "cannot be reached; is Grafana running" in result.stderr


def test_a_configuration_without_a_reader_is_refused(tmp_path: Path) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:1/grafana/")
    config.write_text('url = "http://127.0.0.1:1/"\ntoken_file = "grafana.token"\n[store]\ndatabase = "siaga"\n')
    result = _run("push", "--config", str(config))
    assert result.exit_code == 78
    assert "everybody who sees a wall could write" in result.stderr


def test_check_tells_what_a_stranger_may_and_what_the_store_says(standin: Standin, config: Path) -> None:
    _run("push", "--config", str(config))
    well = _run("check", "--config", str(config))
    assert well.exit_code == 0, well.output
    assert "14 refused" in well.stdout
    standin.open_proxy = True
    loud = _run("check", "--config", str(config))
    assert loud.exit_code == 77
    assert "OPEN TO EVERYBODY: without a log-in one could make a database" in loud.stderr
    assert json.loads(_run("check", "--json", "--config", str(config)).stdout)["stranger"][0]["open"] is True


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ((200, {"results": [{"error": "database not found: siaga"}]}), "make it with: siaga store init"),
        ((403, {"error": "reader not authorized to execute it, requires READ on siaga"}), "--grant-read"),
        ((400, "Authentication to data source failed"), "the store refuses the reader; correct its name and secret"),
        ((502, None), "Grafana cannot reach the store; url in [store] is as Grafana's machine sees it"),
    ],
)
def test_check_says_what_is_wrong_with_the_store_as_a_9_3_passes_it_on(
    standin: Standin, config: Path, said: tuple[int, object], advice: str
) -> None:
    _run("push", "--config", str(config))
    standin.store_says = said
    result = _run("check", "--config", str(config))
    assert result.exit_code == 1
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("store through Grafana: "))
    assert advice in line


def test_check_says_how_old_the_newest_report_is(standin: Standin, config: Path) -> None:
    _run("push", "--config", str(config))
    at = (time.time() - 100) * 1_000
    standin.store_says = 200, {"results": [{"series": [{"columns": ["time", "last"], "values": [[at, 7]]}]}]}
    result = _run("check", "--config", str(config))
    assert result.exit_code == 0
    assert re.search(r"the newest report of a box is 1[0-5]\d s old", result.stdout), result.stdout


def test_provisioning_files_have_everything_and_no_secret(config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "provisioning"
    result = _run("build", "--provisioning", str(folder), "--config", str(config))
    assert result.exit_code == 0, result.output
    files = {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}
    assert len(files) == 3 + 2 * len(DASHBOARDS)
    assert not any("of-the-reader" in text for text in files.values())
    source = json.loads(files["datasources/siaga.yaml"])["datasources"][0]
    assert source["secureJsonData"] == {"password": "$SIAGA_STORE_SECRET"}
    rules = json.loads(files["alerting/siaga.yaml"])["groups"][0]["rules"]
    assert len(rules) == len(RULES)
    assert "$$timeFilter" in rules[0]["data"][0]["model"]["query"]
    assert json.loads(files["siaga/siaga_city_id.json"])["uid"] == "siaga_city_id"


def test_boxes_have_the_inventorys_names_and_times_are_the_citys(
    standin: Standin, config: Path, tmp_path: Path
) -> None:
    config.write_text(config.read_text().replace("[store]", 'inventory = "inventory.toml"\n[store]'))
    config.write_text(config.read_text().replace("[store]", 'time_zone = "Asia/Makassar"\n[store]'))
    told = _run("diff", "--config", str(config)).output
    assert "inventory" in told
    assert "cannot be read" in told
    (tmp_path / "inventory.toml").write_text(
        '[[devices]]\nname = "vehicle-1"\nlabel = "Patroli 1"\nvehicle = "patrol"\n'
    )
    assert _run("push", "--config", str(config)).exit_code == 0
    assert "0 to change" in _run("diff", "--config", str(config)).output
    assert "Patroli 1" in json.dumps(standin.kept["boards"]["siaga_vehicles_id"])
    assert {board["dashboard"]["timezone"] for board in standin.kept["boards"].values()} == {"Asia/Makassar"}
    provisioning = tmp_path / "provisioning"
    assert _run("build", "--provisioning", str(provisioning), "--config", str(config)).exit_code == 0
    built = (provisioning / "siaga" / "siaga_vehicles_id.json").read_text()
    assert "Patroli 1" in built
    assert json.loads(built)["timezone"] == "Asia/Makassar"
    config.write_text(config.read_text().replace("Asia/Makassar", "WITA"))
    refused = _run("diff", "--config", str(config))
    assert refused.exit_code == 78
    assert "time_zone: expected a time zone of this machine, such as Asia/Jakarta" in refused.stderr
