"""The scenarios, in order: from bare machines to a restored centre. Each raises what is wrong, or returns a line."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from siaga.demo.accounts import ACCOUNTS, OFFICER
from tests.deploy.bench import Bench
from tests.deploy.errors import DeployError
from tests.deploy.front import Front
from tests.deploy.presses import LINES, board, settle

_PRESS_TIMEOUT_S: Final = 15.0
_DESK: Final = ("/opt/siaga/current/bin/siaga", "desk")


def boot(bench: Bench) -> str:
    """Four bare machines boot and answer ssh."""
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
    settle(bench.boxes, bench.centre)
    return "; ".join(told) + "; lamps fast, solid, off; in the ledger once"


STEPS: Final[dict[str, Callable[[Bench], str]]] = {
    "boot": boot,
    "check": check_mode,
    "site": site,
    "again": again,
    "accounts": accounts,
    "press": press,
}
"""Every step, by its name."""
