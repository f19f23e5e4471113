"""Proves the rules against a broker that runs with the rendered files: one after the other, up to the first broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.topics import Lane
from provisioning.authority import Authority
from provisioning.authority_layout import Layout
from provisioning.brokers import render, rules_devices, rules_services
from provisioning.brokers.accounts import known_accounts, password_file
from provisioning.brokers.apply import Rendered, load_broker
from provisioning.brokers.probe import ProbeError
from provisioning.brokers.rules_devices import BrokenRuleError
from provisioning.brokers.trial import Trial, TrialError
from provisioning.errors import UnusableError

_Try = Callable[[Trial], str]

RULES: Final[dict[str, _Try]] = {
    "device-certificate": rules_devices.certificates,
    "tls-version": rules_devices.tls_versions,
    "device-own-topics": rules_devices.own_topics,
    "device-writes-no-other": rules_devices.others_topics_written,
    "device-reads-no-other": rules_devices.others_topics_read,
    "device-client-id": rules_devices.client_id_is_the_name,
    "device-wildcard-name": rules_devices.names_with_wildcards,
    "service-login": rules_services.logins,
    "service-writes": rules_services.written,
    "service-reads": rules_services.read,
    "service-client-id": rules_services.client_id_is_the_name,
    "packet-limit": rules_devices.packet_limit,
    "revoked-devices": rules_devices.revoked_devices,
    "revocation": rules_devices.revocation,
}
"""Each rule by its name, in the order they are tried; revocation replaces the trial's device ACL and so is the last."""

STARTS: Final = "starts"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one rule: its name, whether it holds, what was tried or what went wrong."""

    lane: Lane
    rule: str
    holds: bool
    detail: str


def rendered(folder: Path, lane: Lane) -> Rendered:
    """Return the files of a lane's broker as they are on disk, and who is revoked by the register; nothing is written.

    Raises:
        ConfigError: `broker.toml` is wrong.
        UnusableError: They were not rendered yet, or there is no authority.
    """
    home = Layout(folder).broker_folder(lane)
    for name in (render.CONFIG, render.DEVICE_ACL, render.CENTRE_ACL, render.PASSWORDS, render.TRUST):
        if not (home / name).exists():
            raise UnusableError(f"{home / name}: no such file", "first: siaga provision broker render")
    names = [one.name for one in known_accounts(folder) if one.grants(lane)]
    passwords = {name: password_file(folder, name) for name in names}
    return Rendered(load_broker(folder, lane), home, passwords, Authority.open(folder).revoked)


def check_broker(files: Rendered) -> Iterator[Result]:
    """Start a broker on the side with these files and try each rule; ends with the first that does not hold.

    Nothing is written beside the files, and a broker that runs with them is left alone.

    Raises:
        UnusableError: A password file cannot be read.
    """
    lane = files.broker.lane
    try:
        with Trial(files) as trial:
            yield Result(lane, STARTS, True, f"ports {trial.device_port} and {trial.centre_port} for the trial")
            for name, attempt in RULES.items():
                try:
                    detail = attempt(trial)
                except (BrokenRuleError, ProbeError) as error:
                    yield Result(lane, name, False, str(error))
                    return
                yield Result(lane, name, True, detail)
    except TrialError as error:
        yield Result(lane, STARTS, False, str(error))


def table(results: list[Result]) -> str:
    """Return results as a table for a terminal."""
    rows = [("broker", "rule", "holds", "tried")]
    rows += [(one.lane, one.rule, "yes" if one.holds else "NO", one.detail) for one in results]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)), row[3]]) for row in rows
    )
