"""What the demo's commands do and print."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from siaga.demo.accounts import ACCOUNTS, DemoAccounts
from siaga.demo.desk_client import DeskClient
from siaga.demo.hops import HOPS, Follower, Pressed
from siaga.demo.siren import SirenWatch, city_time, why_a_box, why_the_bell
from siaga.demo.stack import DemoStack, Size
from siaga.demo.state import DemoError, DemoState, forget_state, is_running, load_state, locked
from siaga.stack.influxdb import READER, query_database
from siaga.stack.process import Process
from simulator.control import BoardControl
from simulator.firmware import FOLDER as FIRMWARE
from simulator.layout import DUTY_ROOM, SIREN, board_path

_LOOK_S: Final = 0.25
_MAX_RESTARTS: Final = 5
_LAMP_WAIT_S: Final = 8.0


def run(folder: Path, size: Size, program: str, *, city: bool = True) -> None:
    """Start the demo, say what to try, and keep it running until SIGINT or SIGTERM; then stop everything.

    Args:
        folder: Where everything goes; kept for the next start.
        size: How much hardware to simulate.
        program: How the user calls this program, for the hints.
        city: Whether stations and vehicles live on the walls, beside the boxes.

    Raises:
        DemoError: Another demo runs in the folder.
        ProcessError: A part did not start, or keeps ending.
    """
    with _running(folder, size, city=city) as stack:
        try:
            seconds = _start(stack, folder)
            print(f"ready after {seconds:.1f} s\n\n{_hints(stack, folder, program)}", flush=True)
            _keep_running(stack, folder)
        except KeyboardInterrupt:
            print("\nstopping …", flush=True)
    print("stopped; no process is left", flush=True)


def check(folder: Path, size: Size) -> None:
    """Start a demo in an empty folder, follow each hop, print the times, stop.

    Raises:
        DemoError: A hop failed, or another demo runs in the folder.
        ProcessError: A part did not start.
    """
    if is_running(folder):
        raise DemoError(f"a demo runs in {folder}; choose another --folder")
    _clear(folder)
    with _running(folder, size) as stack:
        seconds = _start(stack, folder)
        print(f"ready after {seconds:.1f} s; pressing each button, accepting and closing as an officer …", flush=True)
        follower = Follower(stack)
        presses = follower.presses()
        print("presses came through; waiting for positions …", flush=True)
        follower.points(presses)
    _print_table(presses)
    left = [process.name for process in stack.processes if process.running]
    if left:
        raise DemoError(f"still running after the stop: {', '.join(left)}")
    print("all hops work; everything is stopped", flush=True)


def press(folder: Path, box: str | None, hold_ms: int) -> None:
    """Press a box's button and tell what its lamp shows until the desk has the press.

    Raises:
        DemoError: No demo runs in the folder, or it has no such box.
        PanelError: The button is down already.
    """
    state = load_state(folder)
    box = box or state.boxes[0]
    if box not in state.boxes:
        raise DemoError(f"there is no box {box!r}; there are {state.boxes[0]} to {state.boxes[-1]}")
    words = {"slow": "slow blink: kept at the box", "fast": "fast blink: the desk has it", "solid": "solid: accepted"}
    with BoardControl(board_path(Path(state.hardware), box)) as board:
        pressed = board.press(hold_ms=hold_ms)
        print(f"{box}: pressed (number {pressed.number}); look at {state.page}", flush=True)
        shown = ""
        deadline = time.monotonic() + _LAMP_WAIT_S
        while shown not in ("fast", "solid") and time.monotonic() < deadline:
            pattern, since_ns = board.lamp().pattern(time.monotonic_ns())
            if pattern != shown and pattern in words and since_ns is not None:
                shown = pattern
                after_ms = (since_ns - pressed.timestamp_ns) / 1e6
                when = f"seen after {after_ms:.0f} ms" if after_ms > 0 else "as before: an earlier press is still open"
                print(f"{box}: lamp {words[pattern]} ({when})", flush=True)
            time.sleep(_LOOK_S / 5)
    if shown not in ("fast", "solid"):
        raise DemoError(f"{box}: the lamp does not show that the desk has it; see {folder / 'log'}")


def status(folder: Path, as_json: bool) -> None:
    """Tell what runs, what is open at the desk, what the lamps show and how many positions are stored.

    Raises:
        DemoError: No demo runs in the folder, or its desk does not answer.
    """
    state = load_state(folder)
    told = _status(state)
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    print(f"page      {state.page}\ndatabase  {state.influxdb} ({state.database})")
    for incident in told["incidents"]:
        officer = f" by {incident['officer']}" if incident["officer"] else ""
        drill = ", a drill" if incident["status"] == "Exercise" else ""
        since = city_time(incident["received_at_ms"])
        print(f"incident  {incident['state']}{officer}{drill}, of {since}: {_where(incident)}, {incident['address']}")
    if told["bell"] is not None:
        bell = f"SOUNDS: {why_the_bell(folder / 'bell')}" if told["bell"] else "silent"
        print(f"bell      in the duty room, {bell}")
    for box in told["boxes"]:
        pressed = f"{box['presses']} {_presses(box['presses'])}"
        siren = "" if box["siren"] is None else f", siren {'SOUNDS' if box['siren'] else 'silent'}"
        # A lamp that changed within the last second shows nothing yet that a person could name.
        lamp = "changing" if box["lamp"] == "other" else box["lamp"]
        print(f"{box['name']:<9} {pressed}, lamp {lamp}{siren}, {box['positions']} positions stored")
        if box["siren"]:
            print(f"          the siren sounds: {why_a_box(told['incidents'])}")


def _where(incident: dict[str, Any]) -> str:
    fault = ", its line's fault" if incident["origin"] == "fault" else ""
    return " ".join(filter(None, (incident["device"], incident["button"]))) + fault


def _presses(count: int) -> str:
    return "press" if count == 1 else "presses"


def _status(state: DemoState) -> dict[str, Any]:
    with DeskClient(state.page, DemoAccounts(Path(state.accounts))) as desk:
        incidents = desk.incidents()
    counts: dict[str, int] = {}
    query = "SELECT count(latitude) FROM position GROUP BY device"
    for series in query_database(state.influxdb, state.database, query, Path(state.reader_password_file)):
        counts[series["tags"]["device"]] = series["values"][0][1]
    boxes = []
    for name in state.boxes:
        with BoardControl(board_path(Path(state.hardware), name)) as board:
            pattern, _ = board.lamp().pattern(time.monotonic_ns())
            presses = len(board.presses())
            siren = board.lamp(SIREN).on if name == state.boxes[0] else None
        boxes.append(
            {"name": name, "presses": presses, "lamp": pattern, "siren": siren, "positions": counts.get(name, 0)}
        )
    bell = None
    if "bell" in state.processes:
        with BoardControl(board_path(Path(state.hardware), DUTY_ROOM)) as board:
            bell = board.lamp(SIREN).on
    keys = ("id", "state", "status", "origin", "device", "button", "address", "officer", "recorded", "received_at_ms")
    shown = [
        {key: incident[key] for key in keys}
        for incident in incidents
        if incident["state"] not in ("closed", "cancelled")
    ]
    return {"page": state.page, "processes": state.processes, "incidents": shown, "bell": bell, "boxes": boxes}


def _keep_running(stack: DemoStack, folder: Path) -> None:
    """Start again what ends by itself, as a service manager would; give up on a part that keeps ending."""
    restarts: Counter[str] = Counter()
    pause = threading.Event()
    sirens = SirenWatch(stack.hardware, (*stack.sirens, DUTY_ROOM), lambda box: _why_it_sounds(stack, box))
    while True:
        pause.wait(_LOOK_S)
        for words in sirens.look():
            print(words, flush=True)
        for process in stack.processes:
            if not process.running:
                _restart(stack, process, restarts)
                stack.state().save(folder)


def _why_it_sounds(stack: DemoStack, box: str) -> str:
    if box == DUTY_ROOM:
        return why_the_bell(stack.folder / "bell")
    try:
        with DeskClient(stack.page, stack.accounts) as desk:
            return why_a_box(desk.incidents())
    except DemoError as error:
        return str(error)


def _restart(stack: DemoStack, process: Process, restarts: Counter[str]) -> None:
    ended = process.error(f"ended with status {process.returncode}")
    restarts[process.name] += 1
    if restarts[process.name] > _MAX_RESTARTS:
        raise ended
    print(f"{process.name} ended with status {process.returncode}; starting it again", flush=True)
    stack.restart(process)
    print(f"{process.name} works again", flush=True)


def _clear(folder: Path) -> None:
    if not folder.exists():
        return
    if any(folder.iterdir()) and not (folder / "demo.lock").exists():
        raise DemoError(f"{folder} holds something that is no demo; choose another --folder")
    shutil.rmtree(folder)


def _tell(part: str, what: str) -> None:
    print(f"  {part:<10} {what}", flush=True)


def _hints(stack: DemoStack, folder: Path, program: str) -> str:
    where = "" if folder == Path("var/demo") else f" --folder {folder}"
    query = '"SELECT count(latitude) FROM position GROUP BY device"'
    desk, bell = stack.config / "desk.toml", stack.config / "bell.toml"
    reader = f"--username {READER} --password-file {stack.influxdb.password_file(READER)}"
    return "\n".join(
        (
            f"  the officer's page   {stack.page}",
            f"  the walls            {' '.join(stack.screens)}",
            f"  log in as            {', '.join(name for name, *_ in ACCOUNTS)}; password {stack.accounts.password}",
            f"  press a button       {program} demo press {stack.boxes[0]}{where}",
            f"  sound its siren      {program} desk siren test --box {stack.sirens[0]} --config {desk}",
            *([f"  try the bell         {program} bell test --config {bell}"] if stack.bell.running else []),
            *(
                [f"  cut a board's line   {program} simulator do {board_path(stack.hardware, stack.chip)} 'adc 0 5000'"]
                if stack.chip is not None
                else []
            ),
            f"  look at everything   {program} demo status{where}",
            f"  ask the database     {program} store query {query} --url {stack.influxdb.url} {reader}",
            f"  hold it to account   {program} collector books --config {stack.config / 'collector.toml'}",
            f"  watch the collector  {program} collector top --url http://127.0.0.1:{stack.metrics_port}",
            "  stop                 Ctrl-C",
        )
    )


def _print_table(presses: list[Pressed]) -> None:
    width = max(len(hop) for hop in HOPS)
    columns = [max(9, *(len(press.hops[hop]) for hop in HOPS)) for press in presses]
    heads = "  ".join(f"{press.box:>{column}}" for press, column in zip(presses, columns, strict=True))
    print(f"\n{'hop':<{width}}  {heads}")
    for hop in HOPS:
        cells = "  ".join(f"{press.hops[hop]:>{column}}" for press, column in zip(presses, columns, strict=True))
        print(f"{hop:<{width}}  {cells}")
    print(flush=True)


@contextmanager
def _running(folder: Path, size: Size, *, city: bool = False) -> Iterator[DemoStack]:
    """Hold the folder and stop everything at the end. SIGTERM and SIGHUP end the body as Ctrl-C does."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        with locked(folder):
            stack = DemoStack(folder, size, city=city, board=FIRMWARE)
            try:
                yield stack
            finally:
                # Nothing interrupts the stop, which is bounded: each part is killed after 5 s.
                for number in numbers:
                    signal.signal(number, signal.SIG_IGN)
                forget_state(folder)
                stack.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(stack: DemoStack, folder: Path) -> float:
    print(f"Siaga demo: everything in {folder}, logs in {folder / 'log'}", flush=True)
    seconds = stack.start(_tell)
    stack.state().save(folder)
    return seconds


def program_name() -> str:
    """Return how the user calls this program: relative to where they are when that is shorter."""
    called = Path(sys.argv[0])
    try:
        relative = called.resolve().relative_to(Path.cwd())
    except ValueError:
        return "siaga" if shutil.which("siaga") == str(called) else str(called)
    return str(relative)
