"""What must hold for the centre's services on a broker: each log-in, and each topic family in both directions."""

from __future__ import annotations

from collections.abc import Iterable

from contract.topics import ROOT
from provisioning.brokers.families import BROKER, CENTRE, down, matches, up
from provisioning.brokers.model import Account, account
from provisioning.brokers.rules_devices import (
    ALLOWED,
    DENIED,
    BrokenRuleError,
    alive,
    demand,
    expect,
    refused,
)
from provisioning.brokers.trial import Trial

_DEVICE = "trial-a"
_TOPICS = (*up(_DEVICE), *down(_DEVICE), *CENTRE)


def logins(trial: Trial) -> str:
    """Let each service in with its password, and nobody with another one, or with a device's certificate."""
    for one in _accounts(trial):
        with trial.service(one):
            pass
        refused(trial.service(one, password="guess"), f"{one.name} with a wrong password", "connack")
        refused(trial.login(one.username, None), f"{one.name} without a password", "connack")
    refused(trial.login(None, None), "a service without a name", "connack")
    refused(trial.login("centre.nobody", "guess"), "an unknown service", "connack")
    return ", ".join(one.name for one in _accounts(trial))


def written(trial: Trial) -> str:
    """Let each service write just its own topics."""
    count = 0
    for one in _accounts(trial):
        with trial.service(one) as service:
            for topic in (*_TOPICS, *BROKER):
                allowed = _may(one, trial, "write", topic)
                demand(service, [topic], ALLOWED if allowed else DENIED, one.name)
                count += 1
    return f"{count} tries"


def read(trial: Trial) -> str:
    """Deliver each service just its own topics, whatever it subscribes to."""
    with trial.checker() as checker:
        for one in _accounts(trial):
            with trial.service(one) as service:
                service.subscribe("#", f"{ROOT}/#", "$SYS/#", f"{ROOT}/up/+/telemetry")
                demand(checker, _TOPICS, ALLOWED, "the checker")
                expect(service, {topic for topic in _TOPICS if _may(one, trial, "read", topic)}, one.name)
    return f"{len(_accounts(trial))} services, {len(_TOPICS)} topics"


def client_id_is_the_name(trial: Trial) -> str:
    """Put a service's own name in the place of another's client id, or of a device's; a namesake ends no session."""
    accounts = _accounts(trial)
    thief, victim = accounts[0], accounts[-1]
    with trial.service(victim) as one, trial.device(_DEVICE) as device:
        for client_id in (victim.username, _DEVICE):
            with trial.service(thief, client_id):
                pass
        with trial.device(victim.name):
            alive(one, f"{victim.name}, whose name a device has,")
        alive(one, f"{victim.name}, whose client id was used,")
        alive(device, "the device whose client id was used")
    return f"{thief.name} as {victim.name}"


def _accounts(trial: Trial) -> list[Account]:
    accounts = [account(name) for name in sorted(trial.rendered.passwords)]
    if not accounts:
        raise BrokenRuleError("no service has an account")
    return accounts


def _may(one: Account, trial: Trial, direction: str, topic: str) -> bool:
    grants: Iterable[str] = (grant.topic for grant in one.grants(trial.lane) if grant.direction == direction)
    return any(matches(topic_filter, topic) for topic_filter in grants)
