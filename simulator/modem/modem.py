"""A GSM modem's AT commands (3GPP TS 27.005 and 27.007), as far as gammu asks for them. Pure: bytes and times go in.

It echoes, speaks PDU mode, keeps what comes in on its SIM until it is deleted, and tells of it by +CMTI and +CDSI, or
passes reports on by +CDS. Unsolicited lines wait while a command is being answered.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from simulator.modem.network import DELIVERED, Network
from simulator.modem.pdu import CENTRE, PduError, Submitted, deliver, read_submit, status_report, tpdu_length

MAX_KEPT: Final = 1_000
"""Messages that `sent` remembers, the latest."""
MAX_LINE: Final = 1_024
"""Octets of a command; of a longer one the beginning is dropped."""

_PLAIN: Final[dict[str, str]] = {
    "": "",
    "I": "Siaga\r\nSimulated modem",
    "+CGMI": "Siaga",
    "+GMI": "Siaga",
    "+CGMM": "Simulated modem",
    "+GMM": "Simulated modem",
    "+CGMR": "1",
    "+CGSN": "490154203237518",
    "+GSN": "490154203237518",
    "+CIMI": "510010000000001",
    "+CMEE=1": "",
    "+CMGF=0": "",
    "+CMGF=?": "+CMGF: (0)",
    "+CMGF?": "+CMGF: 0",
    '+CSCS="GSM"': "",
    "+CSCS=?": '+CSCS: ("GSM")',
    "+CSCS?": '+CSCS: "GSM"',
    "+CSMS?": "+CSMS: 0,1,1,0",
    "+CPMS=?": '+CPMS: ("SM"),("SM"),("SM")',
    "+CNMI=?": "+CNMI: (0-2),(0,1),(0,2),(0,{reports}),(0,1)",
    "+CSCA?": f'+CSCA: "{CENTRE}",145',
    "+CFUN=1": "",
    "+CGATT?": "+CGATT: 1",
    "+CUSD=1": "",
    "+CUSD=0": "",
    "+CMMS=2": "",
    "+CMMS=0": "",
}
"""Commands that always have the same answer before OK."""


@dataclass(slots=True)
class Sent:
    """A message that the network took: `status` is that of its report, None as long as there is none."""

    reference: int
    number: str
    text: str
    septets: int
    validity: int | None
    at_ns: int
    arrived: bool = False
    status: int | None = None


@dataclass(order=True, slots=True)
class _Due:
    at_ns: int
    order: int
    do: Callable[[int], None] = field(compare=False)


class Modem:
    """One modem with one SIM.

    Args:
        network: What becomes of messages.
        places: How many messages the SIM holds.
        stores_reports: Reports lie on the SIM (+CDSI); else they are passed on at once (+CDS).
    """

    def __init__(self, network: Network, *, places: int = 20, stores_reports: bool = True) -> None:
        self.network = network
        self.places = places
        self.registered = True
        self.pin_ready = True
        self.silent = False
        self.fail_next: deque[int | None] = deque(maxlen=MAX_KEPT)
        self.sent: deque[Sent] = deque(maxlen=MAX_KEPT)
        self.asked: deque[str] = deque(maxlen=MAX_KEPT)
        self._reports = 2 if stores_reports else 1
        self._sim: dict[int, tuple[str, str]] = {}
        self._waiting: deque[tuple[str, str]] = deque(maxlen=MAX_KEPT)
        self._reference = 0
        self._due: list[_Due] = []
        self._order = itertools.count()
        self._line = b""
        self._pdu: int | None = None
        self._busy = False
        self._report_to = 0
        self._out = b""
        self._later: deque[str] = deque(maxlen=MAX_KEPT)

    # What the line asks

    def feed(self, data: bytes, now_ns: int) -> None:
        """Take octets from the line."""
        for octet in data:
            if octet == 0x1B:
                self._pdu, self._line = None, b""
            elif self._pdu is not None and octet == 0x1A:
                line, self._line = self._line, b""
                self._take_pdu(line.decode("ascii", "replace").strip(), now_ns)
            elif octet == 0x0D and self._pdu is None:
                line, self._line = self._line, b""
                self._command(line.decode("ascii", "replace").strip(), now_ns)
            else:
                self._line = (self._line + bytes((octet,)))[-MAX_LINE:]

    def take(self) -> bytes:
        """Return what goes out on the line now."""
        if self.silent:
            self._out = b""
            return b""
        if not self._busy and self._pdu is None:
            while self._later:
                self._out += f"\r\n{self._later.popleft()}\r\n".encode()
        out, self._out = self._out, b""
        return out

    def next_ns(self) -> int | None:
        """Return when `tick` has something to do; None for never."""
        return self._due[0].at_ns if self._due else None

    def tick(self, now_ns: int) -> None:
        """Do what is due."""
        while self._due and self._due[0].at_ns <= now_ns:
            heapq.heappop(self._due).do(now_ns)

    # What happens to it

    def incoming(self, number: str, text: str, now_ns: int) -> None:
        """Let a message come from a phone; it waits in the network while the SIM is full."""
        self._arrive("CMTI", deliver(number, text, now_ns))

    def _arrive(self, kind: str, pdu: str) -> None:
        if not self.registered or len(self._sim) >= self.places:
            self._waiting.append((kind, pdu))
            return
        place = next(each for each in itertools.count(1) if each not in self._sim)
        self._sim[place] = (kind, pdu)
        self._later.append(f'+{kind}: "SM",{place}')

    def let_in(self) -> None:
        """Let what waits in the network come, as far as there is room."""
        for _ in range(len(self._waiting)):
            self._arrive(*self._waiting.popleft())

    # Commands

    def _command(self, line: str, now_ns: int) -> None:
        self._out += line.encode() + b"\r"
        self.asked.append(line)
        if not line.upper().startswith("AT"):
            return
        name = line[2:]
        if (found := re.fullmatch(r"\+CMGS=(\d+)", name)) is not None:
            self._pdu = int(found[1])
            self._out += b"\r\n> "
            return
        answer = self._answer(name)
        if answer is None:
            self._end("ERROR")
        else:
            self._end(*(answer.split("\r\n") if answer else ()), "OK")

    def _answer(self, name: str) -> str | None:
        """Return the lines of an answer; None for a command that is not known."""
        plain = _PLAIN.get(name)
        if plain is not None:
            return plain.replace("{reports}", str(self._reports))
        for pattern, answer in self._answers:
            found = re.fullmatch(pattern, name)
            if found is not None:
                return answer(self, found)
        return None

    def _signal(self, _: re.Match[str]) -> str:
        return f"+CSQ: {22 if self.registered else 99},99"

    def _registration(self, found: re.Match[str]) -> str:
        return f"+{found[1]}: 2,{1 if self.registered else 2}" + (',"00A1","0000B2"' if self.registered else "")

    def _operator(self, _: re.Match[str]) -> str:
        return '+COPS: 0,2,"51010"' if self.registered else "+COPS: 0"

    def _pin(self, _: re.Match[str]) -> str:
        return "+CPIN: READY" if self.pin_ready else "+CPIN: SIM PIN"

    def _memory(self, found: re.Match[str]) -> str:
        used = f"{len(self._sim)},{self.places}"
        return f"+CPMS: {used},{used},{used}" if found[1] == "=" else "+CPMS: " + ",".join([f'"SM",{used}'] * 3)

    def _notify(self, found: re.Match[str]) -> str:
        self._report_to = int(found[1])
        return ""

    def _list(self, _: re.Match[str]) -> str:
        return "\r\n".join(
            f"+CMGL: {place},1,,{tpdu_length(pdu)}\r\n{pdu}" for place, (_, pdu) in sorted(self._sim.items())
        )

    def _read(self, found: re.Match[str]) -> str | None:
        kept = self._sim.get(int(found[1]))
        return None if kept is None else f"+CMGR: 1,,{tpdu_length(kept[1])}\r\n{kept[1]}"

    def _delete(self, found: re.Match[str]) -> str:
        self._sim.pop(int(found[1]), None)
        self.let_in()
        return ""

    _answers = (
        (r"E[01]", lambda *_: ""),
        (r"\+CMEE=[02]", lambda *_: ""),
        (r"\+CSQ", _signal),
        (r"\+(CREG|CGREG)\?", _registration),
        (r"\+(?:CREG|CGREG)=[0-2]", lambda *_: ""),
        (r"\+COPS\?", _operator),
        (r"\+COPS=3,[02]", lambda *_: ""),
        (r"\+CPIN\?", _pin),
        (r'\+CPMS(=)"SM"(?:,"SM")*', _memory),
        (r"\+CPMS(\?)", _memory),
        (r"\+CNMI=\d,\d,\d,(\d),\d", _notify),
        (r"\+CMGL=\d", _list),
        (r"\+CMGR=(\d+)", _read),
        (r"\+CMGD=(\d+)(?:,0)?", _delete),
    )

    # Sending

    def _take_pdu(self, hexed: str, now_ns: int) -> None:
        length, self._pdu = self._pdu, None
        try:
            submitted = read_submit(hexed)
            fits = tpdu_length(hexed) == length
        except (PduError, ValueError, IndexError):
            fits = False
        if not fits:
            self._end("+CMS ERROR: 304")
            return
        if self.fail_next:
            code = self.fail_next.popleft()
            self._end("ERROR" if code is None else f"+CMS ERROR: {code}")
            return
        if not self.registered:
            self._end("+CMS ERROR: 331")
            return
        fate = self.network.fate()
        self._busy = True
        at_ns = now_ns + round(fate.take_s * 1e9)

        def taken(taken_ns: int) -> None:
            self._busy = False
            if not fate.taken:
                self._end("+CMS ERROR: 38")
                return
            sent = self._keep(submitted, taken_ns)
            self._end(f"+CMGS: {sent.reference}", "OK")
            if fate.deliver_s is not None:
                self._at(
                    taken_ns + round(fate.deliver_s * 1e9), lambda now: self._deliver(sent, submitted, fate.status, now)
                )

        self._at(at_ns, taken)

    def _keep(self, submitted: Submitted, now_ns: int) -> Sent:
        sent = Sent(self._reference, submitted.number, submitted.text, submitted.septets, submitted.validity, now_ns)
        self._reference = (self._reference + 1) % 256
        self.sent.append(sent)
        return sent

    def _deliver(self, sent: Sent, submitted: Submitted, status: int | None, now_ns: int) -> None:
        sent.arrived = status in (None, DELIVERED)
        sent.status = status
        if status is None or not submitted.report or not self._report_to:
            return
        # By whole seconds, a report is never earlier than its message.
        pdu = status_report(sent.reference, sent.number, sent.at_ns, max(now_ns, sent.at_ns), status)
        if self._report_to == 1:
            self._later.append(f"+CDS: {tpdu_length(pdu)}\r\n{pdu}")
        else:
            self._arrive("CDSI", pdu)

    def _at(self, at_ns: int, do: Callable[[int], None]) -> None:
        heapq.heappush(self._due, _Due(at_ns, next(self._order), do))

    def _end(self, *lines: str) -> None:
        self._out += "".join(f"\r\n{line}\r\n" for line in lines).encode()
