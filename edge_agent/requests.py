"""What a technician may ask of a running agent beside its status: a test press, the way it went, a lamp test.

| asked | answered |
|---|---|
| `{"press":"sos"}` | `{"event_id":"…"}`: a test press is on its way |
| `{"hops":"event id"}` | `{"hops":{"card":3.1,…}}`: each hop of it (`hops.py`), in ms since the press |
| `{"lamp_test":"sos"}` | `{"patterns":["kept",…],"step_s":3.0}`: the lamp shows each pattern for so long |
| anything else, or what cannot be now | `{"error":"…"}`: one of `ERRORS` |
"""

from __future__ import annotations

import json
from collections.abc import Set
from typing import Any, Final

from edge_agent.lamp import TEST_PATTERNS, TEST_STEP_NS, LampPanel
from edge_agent.raiser import NotNowError, Raiser
from edge_agent.uplink import Uplink

ERRORS: Final = (
    "test waits",
    "test too soon",
    "lamp in use",
    "no lamp",
    "no such button",
    "no such event",
    "not understood",
)


class Requests:
    """Answers requests.

    Args:
        buttons: The names of the box's buttons.
        lamps: Those of the buttons that have a lamp.
        raiser: Makes test presses.
        panel: The lamps.
        uplink: Knows the way of a test press, and wakes the lamps.
    """

    def __init__(self, buttons: Set[str], lamps: Set[str], raiser: Raiser, panel: LampPanel, uplink: Uplink) -> None:
        self._buttons = buttons
        self._lamps = lamps
        self._raiser = raiser
        self._panel = panel
        self._uplink = uplink

    def answer(self, request: bytes, monotonic_ns: int) -> dict[str, Any]:
        """Return the answer to a request; whatever it is, nothing is raised."""
        try:
            asked = json.loads(request)
        except (ValueError, RecursionError):
            return {"error": "not understood"}
        match asked:
            case {"press": str(button)} if button in self._buttons:
                try:
                    return {"event_id": self._raiser.test(button, monotonic_ns)}
                except NotNowError as error:
                    return {"error": str(error)}
            case {"lamp_test": str(button)} if button in self._buttons:
                refused = self.lamp_test(button, monotonic_ns)
                if refused is not None:
                    return {"error": refused}
                return {"patterns": list(TEST_PATTERNS), "step_s": TEST_STEP_NS / 1e9}
            case {"hops": str(event_id)}:
                hops = self._uplink.alarms.hops.of(event_id)
                return {"error": "no such event"} if hops is None else {"hops": hops}
            case {"press": _} | {"lamp_test": _}:
                return {"error": "no such button"}
        return {"error": "not understood"}

    def lamp_test(self, button: str, monotonic_ns: int) -> str | None:
        """Let a button's lamp show each of its patterns; return why not, as one of `ERRORS`."""
        if button not in self._lamps:
            return "no lamp"
        if not self._panel[button].test(monotonic_ns):
            return "lamp in use"
        self._uplink.lamps_changed.wake()
        return None
