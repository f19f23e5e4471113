"""What a modem's number for a failure means, and what to do. Pure.

The numbers are those of `+CMS ERROR` (3GPP TS 27.005, 3.2.5; below 128 those of TS 24.011, annex E-2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_WHY: Final[Mapping[int, str]] = {
    1: "the number does not exist: siaga desk contact set",
    8: "the operator bars SMS: ask the operator",
    10: "the operator bars SMS: is the SIM paid?",
    21: "the network rejected it: is the SIM paid?",
    27: "the phone is off or gone",
    28: "the number is not known to the network: siaga desk contact set",
    30: "the network does not know the SIM: is it paid, and activated?",
    38: "the network is out of order",
    41: "the network failed for a moment",
    42: "the network is congested",
    310: "no SIM in the modem: put it in, restart gammu-smsd",
    311: "the SIM wants its PIN: PIN = in /etc/gammu-smsdrc, restart gammu-smsd",
    312: "the SIM wants its PIN: PIN = in /etc/gammu-smsdrc, restart gammu-smsd",
    313: "the SIM failed: another SIM",
    314: "the SIM is busy",
    315: "this is not the SIM's modem, or the SIM is wrong",
    322: "the SIM is full: gammu --config /etc/gammu-smsdrc deleteallsms 1, with gammu-smsd stopped",
    330: "no number of the service centre: AT+CSCA, or SMSC = in /etc/gammu-smsdrc",
    331: "the modem has no network: aerial, SIM, reception",
    332: "the network does not answer: reception",
}


def why(error: int, signal: int | None) -> str:
    """Return why a message was not sent, in at most 120 letters.

    Args:
        error: The modem's number, -1 for none.
        signal: The reception in percent, -1 when the modem says that it has none, None when the modem did not say.
    """
    if error in _WHY:
        return f"{_WHY[error]} (CMS {error})"[:120]
    if error >= 0:
        return f"the modem refused it (CMS {error})"
    if signal is not None and signal < 1:
        return "the modem has no network: aerial, SIM, reception"
    return "the modem did not take it: plug it in anew, then systemctl restart gammu-smsd"
