"""The scenarios, in order: from bare machines to a restored centre. Each raises what is wrong, or returns a line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from siaga.demo.accounts import ACCOUNTS, OFFICER
from tests.deploy.bench import Bench
from tests.deploy.city import CLOCKED, SCREEN_NUMBER, UNFIT
from tests.deploy.errors import DeployError
from tests.deploy.front import Front, wall
from tests.deploy.machine import Machine
from tests.deploy.presses import LINES, Presser, board, tap
from tests.deploy.unfit import OPTIONS, spoil_machine
from tests.deploy.wheels import spoil, variant

ARCH: Final = "x86_64"
GOOD: Final = "0.1.1"
BROKEN: Final = "0.1.2"


def boot(bench: Bench) -> str:
    """Bare machines boot and answer ssh."""
    began = time.monotonic()
    for machine in bench.machines.values():
        machine.boot()
    took = time.monotonic() - began
    version = bench.centre.run("cat", "/etc/debian_version").strip()
    return f"{len(bench.machines)} machines of Debian {version} in {took:.1f} s: {', '.join(bench.machines)}"


def check_mode(bench: Bench) -> str:
    """Check mode on bare machines changes nothing and does not fail."""
    done = bench.playbooks.run("site", "--check", "--diff")
    for machine in bench.machines.values():
        if (machine.root / "opt/siaga").exists() or (machine.root / "etc/siaga").exists():
            raise DeployError(f"{machine.name}: check mode left something in /opt/siaga or /etc/siaga")
    return f"would change {done.changed} things, changed none; {done.seconds:.0f} s"


def site(bench: Bench) -> str:
    """site.yml makes the city of them."""
    done = bench.playbooks.run("site")
    counts = ", ".join(f"{host} {recap.changed}" for host, recap in sorted(done.hosts.items()))
    return f"{done.seconds:.0f} s; tasks that changed something: {counts}"


def again(bench: Bench) -> str:
    """A second run changes nothing."""
    done = bench.playbooks.run("site")
    if done.changed:
        raise DeployError(f"the second run changed {done.changed}: {'; '.join(done.changes[:8])}")
    return f"0 changed, {done.seconds:.0f} s"


def accounts(bench: Bench) -> str:
    """The first accounts, by the commands of docs/access.md; the officer logs in through the front's TLS."""
    for name, display, role in ACCOUNTS[:2]:
        given = ("--display", display, "--role", role, "--password-file", "/run/password")
        bench.centre.run(
            "install", "-m", "600", "-o", "siaga-desk", "/dev/stdin", "/run/password", stdin=f"{bench.password}\n"
        )
        bench.as_desk("user", "add", name, *given)
        bench.centre.run("rm", "/run/password")
    with Front(bench.city.front, bench.password) as front:
        front.log_in(OFFICER)
    return f"{OFFICER} is in, by https"


def press(bench: Bench) -> str:
    """A button is pressed in each box: the incident is open, the lamp blinks fast, then stands still, then is off."""
    told = []
    with Front(bench.city.front, bench.password) as front:
        front.log_in(OFFICER)
        for box in bench.boxes:
            began_ns = time.monotonic_ns()
            with board(box) as hand:
                pressed = hand.press(LINES[0], 300)
                incident = bench.wait(partial(front.incident, box.name, LINES[0]), "no incident is open at the desk")
                opened_ms = (time.monotonic_ns() - began_ns) / 1e6
                bench.lamp(hand, "fast")
                front.act(incident["id"], "accept")
                bench.lamp(hand, "solid")
                front.act(incident["id"], "close")
                bench.lamp(hand, "off")
            told.append(f"{box.name} press {pressed.number}: open after {opened_ms:.0f} ms")
    bench.settled()
    return "; ".join(told) + "; lamps fast, solid, off; in the ledger once"


def screen(bench: Bench) -> str:
    """The screen's browser shows its wall, and says so to the wall server."""

    def state() -> str:
        return str(wall("/api/screens").get(str(SCREEN_NUMBER), {}).get("state"))

    bench.wait(lambda: state() == "good", f"the screen is {state()}", 120.0)
    return "the wall server hears of it: good"


def exposure(bench: Bench) -> str:
    """Nothing failed on any machine, and each unit of ours is as closed as it should be."""
    values: dict[str, float] = {}
    for machine in bench.machines.values():
        failed = machine.run("systemctl", "list-units", "--failed", "--plain", "--no-legend").split("\n")
        if failed[0]:
            raise DeployError(f"{machine.name}: failed: {failed[0]}")
        for line in machine.run("systemctl", "list-units", "--plain", "--no-legend", "siaga-*.service").splitlines():
            unit = line.split()[0]
            told = machine.run("systemd-analyze", "security", "--no-pager", unit, check=False)
            values[unit] = float(told.rsplit("exposure level for", 1)[1].split(":")[1].split()[0])
    open_ones = {unit: value for unit, value in values.items() if value > 2.0 and unit != "siaga-screen.service"}
    if open_ones:
        raise DeployError(f"more exposed than 2.0: {open_ones}")
    return ", ".join(f"{unit.removesuffix('.service')} {value}" for unit, value in sorted(values.items()))


def clock(bench: Bench) -> str:
    """Chrony itself reads what the role wrote, follows the server it names, and may step at any time."""
    box = bench.machines[CLOCKED]
    box.run("systemctl", "is-active", "chrony.service")
    read = box.run("chronyd", "-p").splitlines()
    step = [line for line in read if line.startswith("makestep")][-1]  # of two the last counts
    asked = [line for line in box.run("chronyc", "-n", "sources").splitlines() if bench.centre.address in line]
    if step != "makestep 1 -1" or not asked:
        raise DeployError(f"{box.name}: chrony has {step}, and asks {asked or 'not the server it was given'}")
    return f"{box.name}: {step}; asks {bench.centre.address}"


def frozen(bench: Bench) -> str:
    """The desk's process stands still: the bell sounds, a press waits, and systemd starts the desk anew."""
    told = ("show", "--property=MainPID", "--value", "siaga-desk")
    before = bench.centre.run("systemctl", *told)
    with board(bench.bell) as siren:
        bench.lamp(siren, "off")
        began = time.monotonic()
        bench.centre.run("systemctl", "kill", "--signal=SIGSTOP", "--kill-whom=main", "siaga-desk")
        tap(bench.boxes[0], LINES[0])
        bench.lamp(siren, "solid")
        sounded_s = time.monotonic() - began

        def anew() -> bool:
            after = bench.centre.run("systemctl", *told).strip()
            running = bench.centre.run("systemctl", "is-active", "siaga-desk", check=False).strip() == "active"
            return running and after not in (before.strip(), "0")

        bench.wait(anew, "the desk is not started anew", 40.0)
        back_s = time.monotonic() - began
        bench.settled()
        # What it sounded for is over, but only somebody at the bell ends it.
        command = ("/opt/siaga/current/bin/siaga", "bell", "silence", "--config", "/etc/siaga/bell.toml")
        bench.bell.run("runuser", "-u", "siaga-bell", "--", *command)
        bench.lamp(siren, "off")
    with Front(bench.city.front, bench.password) as front:
        front.log_in(OFFICER)
    return f"the bell sounded after {sounded_s:.0f} s; the desk was back after {back_s:.0f} s, with the press made then"


def upgrade(bench: Bench) -> str:
    """upgrade.yml to another version while a button of each box is pressed each second: none lost."""
    wheels = variant(bench.wheelhouse / ARCH, bench.folder / "wheels" / GOOD, GOOD)
    since_ns = time.monotonic_ns()
    with Presser(bench.boxes) as presser:
        done = bench.playbooks.run("upgrade", variables={"siaga_wheelhouse": str(wheels)})
    _whole(presser)
    _versions(bench, GOOD, [bench.centre, *bench.boxes, bench.bell])
    return f"{done.seconds:.0f} s; {bench.settled(since_ns)} presses meanwhile, 0 lost, 0 doubled"


def broken(bench: Bench) -> str:
    """A release whose agent ends at once: the canary goes back by itself, the rest is untouched, no press is lost."""
    wheels = variant(bench.wheelhouse / ARCH, bench.folder / "wheels" / BROKEN, BROKEN, broken=True)
    canary, other = bench.boxes
    before = other.run("systemctl", "show", "-p", "MainPID", "--value", "siaga-edge")
    since_ns = time.monotonic_ns()
    with Presser([other]) as presser:
        done = bench.playbooks.run(
            "upgrade", "--limit", "boxes", fails=True, variables={"siaga_wheelhouse": str(wheels)}
        )
    _whole(presser)
    if done.status == 0:
        raise DeployError("upgrade.yml says that a broken release did")
    _versions(bench, GOOD, [bench.centre, *bench.boxes])
    if other.run("systemctl", "show", "-p", "MainPID", "--value", "siaga-edge") != before:
        raise DeployError(f"{other.name}: its agent was restarted")
    tap(canary, LINES[1])
    return (
        f"{canary.name} went back by itself; {bench.settled(since_ns)} presses, 0 lost; {_told(done.text, canary.name)}"
    )


def resumed(bench: Bench) -> str:
    """An upgrade that was broken off when the release had changed and nothing was started anew is done to its end."""
    box = bench.boxes[0]
    agent = ("systemctl", "show", "--property=MainPID", "--value", "siaga-edge")
    before = box.run(*agent)
    box.run("sh", "-c", "readlink -n /opt/siaga/previous >/opt/siaga/upgrading")
    wheels = {"siaga_wheelhouse": str(bench.folder / "wheels" / GOOD)}
    done = bench.playbooks.run("upgrade", "--limit", box.name, variables=wheels)
    if box.run(*agent) == before or box.run("ls", "/opt/siaga").split().count("upgrading"):
        raise DeployError(f"{box.name}: its agent was not started anew, or not judged")
    _versions(bench, GOOD, [box])
    again = bench.playbooks.run("upgrade", "--limit", box.name, variables=wheels)
    if again.changed:
        raise DeployError(f"once more changed {again.changes}")
    return f"{done.seconds:.0f} s; its agent runs anew and was judged; once more: 0 changed"


def power(bench: Bench) -> str:
    """The centre's power is cut, buttons are pressed, then a box's power too; both come back with every press."""
    since_ns = time.monotonic_ns()
    bench.centre.cut_power()
    for box in bench.boxes:
        tap(box, *LINES[:3])
        bench.wait(partial(_keeps, box, 3), f"{box.name} does not keep three presses")
        bench.made.ask(box)
    bench.boxes[0].cut_power()
    bench.playbooks.forget()
    began = time.monotonic()
    bench.boxes[0].boot()
    bench.centre.boot()
    presses = bench.settled(since_ns)
    return f"{presses} presses while the centre was off, all in the ledger {time.monotonic() - began:.0f} s after power"


def restore(bench: Bench) -> str:
    """The centre burns down: restore.yml makes it of a fresh machine, its ledger verified, its officers known."""
    tap(bench.boxes[0], LINES[0])
    kept = bench.settled()
    bench.playbooks.run("backup")
    bench.centre.cut_power()
    tap(bench.boxes[1], LINES[0])
    bench.playbooks.forget()
    bench.make(bench.centre)
    bench.centre.boot()
    done = bench.playbooks.run("restore", variables={"siaga_wheelhouse": str(bench.folder / "wheels" / GOOD)})
    verified = bench.as_desk("verify-ledger").strip().splitlines()[0]
    with Front(bench.city.front, bench.password) as front:
        front.log_in(OFFICER)
    presses = bench.settled()
    return f"{done.seconds:.0f} s; {kept} presses from before and {presses - kept} made meanwhile are there; {verified}"


def unfit(bench: Bench) -> str:
    """Boxes that are not fit are left out, a line each; one that is fit goes on. A broken wheelhouse stops all."""
    machines = {name: bench.machine(name) for name in UNFIT}
    try:
        for machine in machines.values():
            bench.make(machine)
            spoil_machine(machine)
            machine.boot(*OPTIONS.get(machine.name, ()))
        wheels = {"siaga_wheelhouse": str(bench.folder / "wheels" / GOOD)}
        done = bench.playbooks.run("edge", fails=True, machines=bench.city.unfit, variables=wheels)
    finally:
        for machine in machines.values():
            machine.stop()
    good = bench.boxes[0].name
    if done.hosts[good].failed or not done.hosts[good].ok:
        raise DeployError(f"{good} did not go on: {done.hosts[good]}")
    for name in UNFIT:
        if not done.hosts[name].failed or done.hosts[name].changed:
            raise DeployError(f"{name} was not left out unchanged: {done.hosts[name]}")
    lines = [_told(done.text, name) for name in UNFIT]
    spoiled = spoil(bench.folder / "wheels" / GOOD / ARCH, bench.folder / "wheels" / "spoiled")
    again = bench.playbooks.run("edge", fails=True, variables={"siaga_wheelhouse": str(spoiled)})
    if any(not recap.failed or recap.changed for recap in again.hosts.values()):
        raise DeployError(f"a broken wheelhouse did not stop each box: {again.hosts}")
    return " | ".join([f"{good} went on", *lines, _told(again.text, good)])


def _keeps(box: Machine, presses: int) -> bool:
    """Return whether a box has presses that wait for the desk, at least so many."""
    agent = ("/opt/siaga/current/bin/siaga", "edge", "status", "--json", "--config", "/etc/siaga/box.toml")
    told = json.loads(box.run("runuser", "-u", "siaga-edge", "--", *agent))
    return [press["status"] for press in told["agent"]["presses"]].count("Actual") >= presses


def _whole(presser: Presser) -> None:
    if presser.error is not None:
        raise DeployError(f"nobody could press: {presser.error}")


def _versions(bench: Bench, version: str, machines: list[Machine]) -> None:
    for machine in machines:
        current = machine.run("readlink", "/opt/siaga/current").strip().rpartition("/")[2]
        if not current.startswith(f"{version}-"):
            raise DeployError(f"{machine.name} has {current}, not {version}")


def _told(text: str, host: str) -> str:
    """Return the one line by which a playbook says why it left a host out."""
    lines = [line.strip() for line in text.splitlines() if f"{host}: " in line]
    told = lines[-1] if lines else ""
    return f"«{told[told.find(f'{host}: ') :][:260]}»"


STEPS: Final[dict[str, Callable[[Bench], str]]] = {
    "boot": boot,
    "check": check_mode,
    "site": site,
    "again": again,
    "accounts": accounts,
    "press": press,
    "screen": screen,
    "exposure": exposure,
    "clock": clock,
    "frozen": frozen,
    "upgrade": upgrade,
    "broken": broken,
    "resumed": resumed,
    "power": power,
    "restore": restore,
    "unfit": unfit,
}
"""Every step, by its name."""
