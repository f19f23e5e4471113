"""`[cap]` in desk.toml: who tells incidents to other systems, and to whom."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from contract.settings import Settings
from duty_desk.cap.message import Sender

EXAMPLES: Final = {
    "cap": '[cap] sender = "siaga.bandung.go.id" city = "Kota Bandung"',
    "cap.sender": 'sender = "siaga.bandung.go.id"',
    "cap.city": 'city = "Kota Bandung"',
    "cap.scope": 'scope = "Restricted"',
    "cap.restriction": 'restriction = "Polisi dan layanan darurat"',
}


class CapSettings(Settings):
    """Left out, the desk tells nobody by CAP."""

    sender: Annotated[str, Field(min_length=3, max_length=200, pattern=r"^[^\s,<&]+$")]
    city: Annotated[str, Field(min_length=1, max_length=80)]
    scope: Literal["Public", "Restricted"] = "Restricted"
    restriction: Annotated[str, Field(min_length=1, max_length=200)] = "Polisi dan layanan darurat"

    @property
    def told_by(self) -> Sender:
        """Who tells it."""
        return Sender(self.sender, self.city, self.scope, self.restriction)
