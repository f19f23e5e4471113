"""`[channels.sms]` in desk.toml, and the configuration that gammu-smsd needs for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from contract.settings import Settings

EXAMPLES: Final = {
    "channels.sms": '[channels.sms] modem = "/dev/serial/by-id/usb-modem-if02"',
    "channels.sms.modem": 'modem = "/dev/serial/by-id/usb-modem-if02"',
    "channels.sms.country": 'country = "62"',
}
DATABASE: Final = "sms.db"


class SmsSettings(Settings):
    """SMS by a modem on this machine. `country` is the code of the country whose numbers may begin with a 0."""

    modem: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^/[^\s#;]+$")]
    country: Annotated[str, Field(pattern=r"^[1-9]\d{0,2}$")] = "62"


def smsd_config(settings: SmsSettings, database: Path) -> str:
    """Return gammu-smsd's configuration file.

    It looks for messages each second, gives up at the first failure, since the desk tries again by itself and by other
    channels, and writes what became of each into `database`.
    """
    return "\n".join(
        (
            "# siaga desk channel smsd-config > /etc/gammu-smsdrc; write `PIN = 1234` below if the SIM has one",
            "[gammu]",
            f"device = {settings.modem}",
            "connection = at115200",
            "[smsd]",
            "service = sql",
            "driver = sqlite3",
            f"dbdir = {database.parent}",
            f"database = {database.name}",
            "logfile = syslog",
            "debuglevel = 0",
            "commtimeout = 1",
            "sendtimeout = 10",
            "receivefrequency = 1",
            "statusfrequency = 1",
            "loopsleep = 1",
            "maxretries = 0",
            "retrytimeout = 1",
            "deliveryreport = sms",
            "checkbattery = 0",
            "",
        )
    )
