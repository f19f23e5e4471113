"""Each of twelve boxes against each other, on one broker: what it tries, and what it gets.

Every box has a session that stands throughout and is both a victim's and an attacker's; only to take a name, a box
gives up its own session for a moment. A witness of the centre sees every message there is.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import mqtt5
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contract.topics import ROOT, Lane
from provisioning.brokers.families import CENTRE, down, up
from provisioning.brokers.probe import Probe, ProbeError
from provisioning.brokers.throwaway import Pair, Throwaway, client_tls
from tests.provisioning.brokers.stand import Stand

BOXES = tuple(f"box-{number}" for number in range(1, 13))
NOT_AUTHORIZED = 0x87
FORGED = b"forged"
COMMAND = "SIAGA_WRITE_TABLE=1 pytest tests/provisioning/brokers/test_n_by_n.py"

WILDCARDS = (
    "#",
    "+/#",
    "siaga/#",
    f"{ROOT}/up/#",
    f"{ROOT}/up/+/alarm",
    f"{ROOT}/up/+/telemetry",
    f"{ROOT}/down/#",
    f"{ROOT}/down/+/config",
    f"{ROOT}/down/+/alarm/receipt",
    f"{ROOT}/desk/#",
    f"{ROOT}/centre/#",
    f"{ROOT}/wall/#",
    "$SYS/#",
    "$CONTROL/#",
    f"$share/x/{ROOT}/up/#",
    f"$share/x/{ROOT}/down/#",
    f"$share/x/{ROOT}/up/+/telemetry",
    f"$share/collectors/{ROOT}/up/+/telemetry",
)


@dataclass(frozen=True)
class Row:
    """One line of the table: what was tried, how often, and what came of every single try."""

    what: str
    tries: int
    outcome: str


@dataclass
class Battle:
    """The twelve on one broker, and the rows so far."""

    stand: Stand
    witness: Probe
    boxes: dict[str, Probe] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def row(self, what: str, tries: int, outcome: str) -> None:
        """Write down what came of every try."""
        self.rows.append(Row(what, tries, outcome))

    def connect(self, name: str) -> None:
        """Give a box its session: it hears what is for it, as a real one does."""
        if name in self.boxes:
            self.boxes[name].drop()
        probe = self.stand.box(name)
        probe.open()
        probe.subscribe(f"{ROOT}/down/{name}/#")
        self.boxes[name] = probe

    def everyone_is_undisturbed(self) -> None:
        """Assert that each box still has its connection, gets what is its own, and nothing else came out."""
        for name in self.boxes:
            self.witness.publish_all([(topic, b"own") for topic in down(name)])
        for name, probe in self.boxes.items():
            assert probe.publish_all([(topic, b"own") for topic in up(name)]) == [0] * len(up(name))
            probe.ping()
            got = probe.take()
            assert {topic for topic, _ in got} == set(down(name)), f"{name} reads {got}"
            assert {body for _, body in got} == {b"own"}
        self.witness.ping()
        seen = self.witness.take()
        assert FORGED not in {body for _, body in seen}
        wanted = {topic for name in self.boxes for topic in (*up(name), *down(name))}
        assert {topic for topic, _ in seen} == wanted


def fight(stand: Stand, folder: Path) -> list[Row]:
    """Return what came of every attack on one broker."""
    with ExitStack() as stack:
        witness = stack.enter_context(stand.service("witness"))
        witness.subscribe("#")
        battle = Battle(stand, witness)
        for name in BOXES:
            battle.connect(name)
        attacks = (write_topics, write_wildcards, read_topics, take_names, forge_wills)
        for attack in attacks:
            attack(battle)
            battle.everyone_is_undisturbed()
        show_certificates(battle, folder)
        battle.everyone_is_undisturbed()
        for probe in battle.boxes.values():
            probe.close()
    return battle.rows


def others_of(name: str) -> list[str]:
    """Return the other eleven."""
    return [other for other in BOXES if other != name]


def write_topics(battle: Battle) -> None:
    """Write each topic of each other box, what only it may read, the centre's and the broker's; plain and retained."""
    kinds: dict[str, Callable[[str], list[str]]] = {
        f"write {topic.replace('?', 'OTHER')}": lambda name, place=place: [  # type: ignore[misc]
            (up(other) + down(other))[place] for other in others_of(name)
        ]
        for place, topic in enumerate(up("?") + down("?"))
    }
    kinds["write its own `down` topics (a receipt, a lamp for itself)"] = down
    kinds |= {f"write {topic}": lambda name, topic=topic: [topic] for topic in CENTRE}  # type: ignore[misc]
    kinds["write $SYS, $CONTROL, $share"] = lambda name: [
        "$SYS/broker/uptime",
        "$CONTROL/dynamic-security/v1",
        f"$share/x/{ROOT}/up/{others_of(name)[0]}/alarm",
    ]
    for what, topics in kinds.items():
        tries = 0
        for name, probe in battle.boxes.items():
            for retain in (False, True):
                codes = probe.publish_all([(topic, FORGED) for topic in topics(name)], retain=retain)
                assert set(codes) == {NOT_AUTHORIZED}, f"{name}: {what}: {codes}"
                tries += len(codes)
        battle.row(what, tries, "refused: PUBACK 0x87")


def write_wildcards(battle: Battle) -> None:
    """Publish to topics with wildcards, which MQTT forbids: the broker ends the attacker's connection."""
    tries = 0
    for name in BOXES:
        for topic in ("#", f"{ROOT}/up/+/alarm", f"{ROOT}/up/#", f"{ROOT}/down/+/config"):
            with battle.stand.box(name) as probe:  # takes its own session's place
                try:
                    probe.send_raw(raw_publish(topic, FORGED))
                    probe.ping()
                except ProbeError:
                    tries += 1
                else:
                    raise AssertionError(f"{name} published to {topic}")
        battle.connect(name)
    battle.row("write a topic with a wildcard", tries, "connection ended")


def raw_publish(topic: str, body: bytes) -> bytes:
    """Return a PUBLISH with a topic that no codec lets pass."""
    stand_in = topic.replace("+", "p").replace("#", "h")
    return mqtt5.PublishPacket(stand_in, body).write().replace(stand_in.encode(), topic.encode())


def read_topics(battle: Battle) -> None:
    """Subscribe to everything, by wildcard and by name, with retained messages waiting and new ones coming."""
    secrets = [*CENTRE, *(topic for name in BOXES for topic in (*up(name), *down(name)))]
    battle.witness.publish_all([(topic, b"kept") for topic in secrets], retain=True)
    filters: dict[str, Callable[[str], list[str]]] = {
        "read by wildcard, $SYS and $share (each filter)": lambda name: list(WILDCARDS),
        "read another's `up` topics by name": lambda name: [topic for other in others_of(name) for topic in up(other)],
        "read another's `down` topics by name": lambda name: [
            topic for other in others_of(name) for topic in down(other)
        ],
        "read the centre's topics by name": lambda name: list(CENTRE),
    }
    for what, chosen in filters.items():
        tries = 0
        for name, probe in battle.boxes.items():
            codes = probe.subscribe(*chosen(name))
            assert set(codes) == {1}, "Mosquitto 2.0 grants what it will not deliver"
            tries += len(codes)
        battle.witness.publish_all([(topic, b"fresh") for topic in secrets])
        for name, probe in battle.boxes.items():
            probe.ping()
            got = {topic for topic, _ in probe.take()}
            assert got == set(down(name)), f"{name} reads {sorted(got - set(down(name)))}"
        battle.row(what, tries, "granted, nothing delivered")
    battle.witness.publish_all([(topic, b"") for topic in secrets], retain=True)
    for probe in (battle.witness, *battle.boxes.values()):
        probe.ping()
        probe.take()
    for name in BOXES:
        battle.connect(name)  # a clean start: these subscriptions are gone


def take_names(battle: Battle) -> None:
    """Connect with each other's client id, and with a service's: the broker puts the attacker's own in its place."""
    tries = 0
    for name in BOXES:
        for other in (*others_of(name), "centre.witness"):
            with battle.stand.box(name, other, username=other, password="guess") as thief:
                assert not thief.session_present
                thief.subscribe(f"{ROOT}/down/{other}/#")
                assert thief.publish(up(other)[1], FORGED) == NOT_AUTHORIZED
                assert thief.publish(up(name)[4], b"own") == 0
                tries += 1
            if other in battle.boxes:
                battle.boxes[other].ping()  # the victim's connection stands
            battle.witness.ping()
        battle.connect(name)
    battle.witness.take()
    battle.row("connect with another's client id and user name", tries, "replaced by its own name")


def forge_wills(battle: Battle) -> None:
    """Die with a will on each other's status: it is not published."""
    tries = 0
    for name in BOXES:
        for other in others_of(name):
            topic = f"{ROOT}/up/{other}/status/{battle.stand.lane}"
            will = mqtt5.Will(topic, payload=FORGED, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=True)
            probe = battle.stand.box(name, will=will)
            probe.open()
            probe.drop()
            tries += 1
        battle.connect(name)
    battle.row("die with a will on another's status", tries, "accepted, never published")


def show_certificates(battle: Battle, folder: Path) -> None:
    """Come as each box without its certificate, with another CA's, a self-signed or an expired one."""
    stranger = Throwaway(folder, "stranger")
    issuing = x509.load_pem_x509_certificate((battle.stand.authority.folder / "issuing.pem").read_bytes())
    namesake = Throwaway(folder, str(issuing.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value))
    kinds: dict[str, Callable[[str], Pair | None]] = {
        "without a certificate": lambda name: None,
        "with a certificate of another CA": stranger.device,
        "with one of a CA that has our CA's name": namesake.device,
        "with a self-signed certificate": stranger.self_signed,
        "with an expired certificate": lambda name: expired(battle, name, folder),
        "with the broker's certificate": lambda name: Pair(
            battle.stand.files.folder / "broker.pem", battle.stand.files.folder / "broker.key"
        ),
    }
    for what, make in kinds.items():
        for name in BOXES:
            assert refused_at(battle.stand.pair(make(name), name)) == "tls", what
        battle.row(f"connect as another {what}", len(BOXES), "refused in TLS")
    for name in BOXES:
        assert refused_at(centre_login(battle.stand, name)) == "connack"
    battle.row("connect to the centre's listener with a device's certificate", len(BOXES), "refused: CONNACK 0x87")


def centre_login(stand: Stand, name: str) -> Probe:
    """Return a box's connection to the centre's listener."""
    tls = client_tls(stand.authority.trust, stand.pair_of(name))
    return Probe(stand.files.broker.centre_port, tls, name)


def refused_at(probe: Probe) -> str:
    """Return at which stage a connection is refused."""
    try:
        with probe:
            return "nowhere"
    except ProbeError as error:
        return error.refused_at


def expired(battle: Battle, name: str, folder: Path) -> Pair:
    """Return a certificate of the real issuing authority that ended a minute ago, followed by the authority's own."""
    home = battle.stand.authority.folder
    issuing = x509.load_pem_x509_certificate((home / "issuing.pem").read_bytes())
    signer = serialization.load_pem_private_key((home / "issuing.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=issuing.subject,
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(days=1_000),
        not_valid_after=now - datetime.timedelta(minutes=1),
    )
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    pair = Pair(folder / f"expired-{name}.pem", folder / f"expired-{name}.key")
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    chain = builder.sign(signer, hashes.SHA256()).public_bytes(pem) + issuing.public_bytes(pem)
    pair.certificate.write_bytes(chain)
    pair.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return pair


def markdown(results: Mapping[Lane, Sequence[Row]]) -> str:
    """Return the page for the docs; every broker must have done the same."""
    (first, rows), *others = results.items()
    for lane, same in others:
        assert list(same) == list(rows), f"the {lane} broker differs from the {first} broker"
    lines = [
        "# Who may do what: twelve boxes against each other",
        "",
        f"Written by `{COMMAND}`,",
        "which runs every try of this table against Mosquitto 2.0.11 with the rendered configuration; without that",
        "variable the test fails when the table is not what came out. Each of twelve boxes tries it against each of",
        "the other eleven, on both brokers; the numbers are tries per broker. After each attack every box still has",
        "its session, is understood, and gets exactly its own messages.",
        "",
        "| What a box tries | Tries | What it gets, every time |",
        "|---|---:|---|",
        *(f"| {row.what} | {row.tries} | {row.outcome} |" for row in rows),
        "",
        f"{sum(row.tries for row in rows):,} tries on each broker.",
        "",
        "Mosquitto grants every SUBSCRIBE and leaves out at delivery what is not allowed. It does so for a shared",
        "subscription too, but *after* it chose the member of the group: a box that knew a group's name could make its",
        "share of the messages vanish, though never read one. So the name of the collectors' group is a secret",
        "(`accounts/collector.group`), made by `siaga provision broker render`.",
        "",
    ]
    return "\n".join(lines)
