"""What must hold for devices on a broker; each rule tries it, what is allowed as well as what is not."""

from __future__ import annotations

import datetime
import ssl
import time
from typing import Final

from contract.topics import ROOT
from provisioning.brokers.families import BROKER, CENTRE, down, up
from provisioning.brokers.model import CENTRE as SERVICE
from provisioning.brokers.probe import Probe, ProbeError
from provisioning.brokers.throwaway import Pair, client_tls
from provisioning.brokers.trial import CHECKER, Trial, forged_will

NOT_AUTHORIZED: Final = 0x87
DENIED: Final = frozenset({NOT_AUTHORIZED})
ALLOWED: Final = frozenset({0x00, 0x10})
"""Success, and: allowed, but nobody subscribed."""

SILENT_WITHIN_S: Final = 5.0
"""A revoked device is silent at most this long after the broker was told."""

WILDCARDS: Final = (
    "#",
    "+/#",
    "siaga/#",
    f"{ROOT}/+/#",
    f"{ROOT}/up/#",
    f"{ROOT}/up/+/alarm",
    f"{ROOT}/down/#",
    f"{ROOT}/down/+/config",
    f"$share/x/{ROOT}/up/#",
    f"$share/x/{ROOT}/down/+/#",
    "$SYS/#",
    "$CONTROL/#",
)

_SAMPLE: Final = 20
_POLL_S: Final = 0.01
_A, _B = "trial-a", "trial-b"


class BrokenRuleError(Exception):
    """A rule does not hold; the text says how."""


def own_topics(trial: Trial) -> str:
    """Let a device write its own topics and read its own topics."""
    with trial.checker() as checker, trial.device(_A) as device:
        checker.subscribe("#")
        device.subscribe(f"{ROOT}/down/{_A}/#")
        demand(device, up(_A), ALLOWED, "a device")
        demand(checker, down(_A), ALLOWED, "the checker")
        expect(checker, {*up(_A), *down(_A)}, "the centre")
        expect(device, set(down(_A)), "a device")
    return f"{len(up(_A))} written, {len(down(_A))} read"


def others_topics_written(trial: Trial) -> str:
    """Let a device write nothing else: not another's topics, not what it reads, not the centre's, not the broker's."""
    topics = [*up(_B), *down(_B), *down(_A), *CENTRE, *BROKER, f"{ROOT}/up/{_A}x/alarm", "elsewhere", "$share/x/a"]
    with trial.checker() as checker, trial.device(_A) as device:
        checker.subscribe("#", "$SYS/broker/uptime")
        demand(device, topics, DENIED, "a device")
        with trial.device(_A, will=forged_will(up(_B)[2], b"forged")) as forger:
            forger.drop()  # no DISCONNECT: the will would go out
        with trial.device(_A) as device:
            demand(device, [up(_A)[1]], ALLOWED, "a device")
        checker.await_message(up(_A)[1].encode())
        got = {topic for topic, _ in checker.take() if not topic.startswith("$SYS/")}
        if got != {up(_A)[1]}:
            raise BrokenRuleError(f"a device's message came out on {sorted(got - {up(_A)[1]})}")
    return f"{len(topics)} topics and a will"


def others_topics_read(trial: Trial) -> str:
    """Deliver a device nothing but its own, whatever it subscribes to, retained messages included."""
    topics = [*up(_B), *down(_B), *CENTRE]
    with trial.checker() as checker, trial.device(_A) as device:
        checker.publish_all([(topic, b"kept") for topic in topics], retain=True)
        device.subscribe(*WILDCARDS, *topics)
        demand(checker, [*topics, down(_A)[3]], ALLOWED, "the checker")
        expect(device, {down(_A)[3]}, "a device")
        checker.publish_all([(topic, b"") for topic in topics], retain=True)
    return f"{len(WILDCARDS) + len(topics)} subscriptions"


def client_id_is_the_name(trial: Trial) -> str:
    """Put a device's own name in the place of another's client id: the other's session stays."""
    with trial.device(_B) as victim, trial.device("desk") as namesake, trial.checker() as checker:
        victim.subscribe(f"{ROOT}/down/{_B}/#")
        for client_id in (_B, CHECKER, f"{SERVICE}desk"):
            with trial.device(_A, client_id) as thief:
                demand(thief, [up(_B)[1]], DENIED, "a device with another's client id")
                demand(thief, [up(_A)[1]], ALLOWED, "it as itself")
        alive(victim, "the device whose client id was used")
        alive(checker, "the service whose client id was used")
        demand(namesake, CENTRE, DENIED, "a device called like a service")
        demand(checker, [down(_B)[4]], ALLOWED, "the checker")
        expect(victim, {down(_B)[4]}, "the victim")
    return "another's and a service's"


def names_with_wildcards(trial: Trial) -> str:
    """Give a name of wildcards nothing, should a certificate ever carry one."""
    with trial.checker() as checker:
        for name in ("+", "#"):
            with trial.device(name, "x") as device:
                device.subscribe(f"{ROOT}/down/#")
                demand(device, [up(_A)[1]], DENIED, f"a device called {name}")
                demand(checker, [down(_A)[1]], ALLOWED, "the checker")
                device.ping()
                if device.take():
                    raise BrokenRuleError(f"a device called {name} reads another's topics")
    return "+ and #"


def certificates(trial: Trial) -> str:
    """Refuse in TLS every certificate that is not from the authority, for a device, and valid now."""
    now = datetime.datetime.now(datetime.UTC)
    hour = datetime.timedelta(hours=1)
    bad: dict[str, Pair | None] = {
        "no certificate": None,
        "a certificate of another CA": trial.strangers.device(_A),
        "a self-signed certificate": trial.strangers.self_signed(_A),
        "an expired certificate": trial.ours.device(_A, end=now - hour),
        "a certificate that is not yet valid": trial.ours.device(_A, start=now + hour),
        "a broker's certificate": trial.ours.broker(_A),
    }
    for what, pair in bad.items():
        refused(trial.as_pair(pair, _A), what, "tls")
    refused(trial.as_pair(trial.ours.device(None), _A), "a certificate without a name", "connack")
    return f"{len(bad) + 1} kinds"


def tls_versions(trial: Trial) -> str:
    """Speak TLS 1.2 and 1.3, nothing older and nothing plain, on both listeners."""
    pair = trial.ours.device(_A)
    for port in (trial.device_port, trial.centre_port):
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            tls = client_tls(trial.rendered.trust, pair, version=version)
            refused(Probe(port, tls, _A), f"{version.name} on port {port}", "tls")
        refused(Probe(port, None, _A), "plain TCP", "tcp")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with Probe(trial.device_port, client_tls(trial.rendered.trust, pair, version=version), _A):
            pass
    return "1.2 and 1.3"


def packet_limit(trial: Trial) -> str:
    """End the connection of a device that sends a larger packet than allowed."""
    limit = trial.rendered.broker.limits.packet_bytes
    with trial.device(_A) as device:
        demand(device, [up(_A)[0]], ALLOWED, "a device")
        try:
            device.publish(up(_A)[0], bytes(limit))
        except ProbeError:
            return f"{limit} bytes"
    raise BrokenRuleError(f"a packet of more than {limit} bytes was accepted")


def revoked_devices(trial: Trial) -> str:
    """Give those who are revoked by the register nothing; of many, a sample."""
    names = sorted(trial.rendered.revoked)
    step = max(1, len(names) // _SAMPLE)
    with trial.checker() as checker:
        for name in names[::step]:
            with trial.device(name) as device:
                device.subscribe(f"{ROOT}/down/{name}/#")
                demand(device, up(name), DENIED, f"{name}, revoked,")
                demand(checker, down(name), ALLOWED, "the checker")
                expect(device, set(), f"{name}, revoked,")
    return f"{len(names[::step])} of {len(names)}"


def revocation(trial: Trial) -> str:
    """Silence a revoked device's live session both ways when told, nobody else's, and let it speak when restored."""
    with trial.checker() as checker, trial.device(_A) as device, trial.device(_B) as other:
        checker.subscribe(f"{ROOT}/up/#")
        device.subscribe(f"{ROOT}/down/{_A}/#")
        demand(device, up(_A), ALLOWED, "a device")
        expect(checker, set(up(_A)), "the centre")
        trial.set_revoked(frozenset({_A}))
        began = time.monotonic()
        while device.publish(up(_A)[0], b"still") != NOT_AUTHORIZED:
            if time.monotonic() - began > SILENT_WITHIN_S:
                raise BrokenRuleError(f"a revoked device still writes after {SILENT_WITHIN_S:g} s")
            time.sleep(_POLL_S)
        took_ms = (time.monotonic() - began) * 1e3
        checker.ping()
        checker.take()
        demand(device, up(_A), DENIED, "a revoked device")
        demand(other, [up(_B)[1]], ALLOWED, "a device that is not revoked")
        demand(checker, down(_A), ALLOWED, "the checker")
        device.ping()
        if device.take():
            raise BrokenRuleError("a revoked device still reads")
        expect(checker, {up(_B)[1]}, "the centre")
        trial.set_revoked(frozenset())
        _await_restored(device)
        demand(device, up(_A), ALLOWED, "a restored device")
    return f"silent after {took_ms:.0f} ms"


def _await_restored(device: Probe) -> None:
    began = time.monotonic()
    while device.publish(up(_A)[0], b"again") == NOT_AUTHORIZED:
        if time.monotonic() - began > SILENT_WITHIN_S:
            raise BrokenRuleError(f"a restored device is still denied after {SILENT_WITHIN_S:g} s")
        time.sleep(_POLL_S)


def demand(probe: Probe, topics: list[str] | tuple[str, ...], codes: frozenset[int], who: str) -> None:
    """Publish to each topic (the body is the topic) and demand its PUBACK to be among these."""
    for topic, code in zip(topics, probe.publish_all([(one, one.encode()) for one in topics]), strict=True):
        if code not in codes:
            what = "may not write" if code == NOT_AUTHORIZED else "may write"
            raise BrokenRuleError(f"{who} {what} {topic} (PUBACK 0x{code:02x})")


def expect(probe: Probe, topics: set[str], who: str) -> None:
    """Demand that exactly these topics have come; the broker sends before it answers a PING."""
    probe.ping()
    got = {topic for topic, _ in probe.take()}
    if got - topics:
        raise BrokenRuleError(f"{who} reads {', '.join(sorted(got - topics))}")
    if topics - got:
        raise BrokenRuleError(f"{who} does not get {', '.join(sorted(topics - got))}")


def alive(probe: Probe, who: str) -> None:
    """Demand that a connection stands."""
    try:
        probe.ping()
    except ProbeError as error:
        raise BrokenRuleError(f"{who} lost its connection: {error.detail}") from None


def refused(probe: Probe, what: str, stage: str) -> None:
    """Demand that a connection is refused at a stage: `tcp`, `tls` or `connack`."""
    try:
        with probe:
            pass
    except ProbeError as error:
        if error.refused_at == stage:
            return
        raise BrokenRuleError(f"{what}: refused by {error.refused_at}, not {stage}: {error.detail}") from None
    raise BrokenRuleError(f"{what}: accepted")
