"""What happens in a drill, and when: a TOML file, checked whole before anything begins. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from contract.identity import Name
from contract.inventory import Inventory
from contract.messages import Latitude, Longitude
from contract.settings import Settings, fault_at, load_toml
from duty_desk.errors import DrillError
from duty_desk.incidents.entries import Category

MAX_STEPS: Final = 100
LONGEST_S: Final = 4 * 3_600
"""A drill that is forgotten ends by itself."""

EXAMPLES: Final = {
    "name": 'name = "Latihan malam Braga"',
    "steps": '[[steps]] at_s = 30 device = "box-1" button = "sos"',
    "steps.at_s": "at_s = 30",
    "steps.device": 'device = "box-1" button = "sos"',
    "steps.call": 'call = "accident" latitude = -6.9213 longitude = 107.6099 note = "dua motor"',
}


class Step(Settings):
    """One thing that happens `at_s` seconds after the beginning: a press of a button, or a call."""

    at_s: Annotated[float, Field(ge=0, le=LONGEST_S)] = 0
    device: Name | None = None
    button: Name | None = None
    call: Category | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    note: Annotated[str, Field(max_length=500)] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.device is None) == (self.call is None):
            raise fault_at(("device",), "expected either device and button, or call")
        if (self.device is None) != (self.button is None):
            raise fault_at(("button",), "expected device and button together")
        if self.call is None and (self.latitude is not None or self.longitude is not None or self.note is not None):
            raise fault_at(("device",), "a press has no latitude, longitude and note of its own")
        if (self.latitude is None) != (self.longitude is None):
            raise fault_at(("latitude",), "expected latitude and longitude together")
        return self


class Script(Settings):
    """A drill: its name, and its steps in order of their times."""

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]+$")]
    steps: Annotated[list[Step], Field(min_length=1, max_length=MAX_STEPS)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for number, (before, step) in enumerate(zip(self.steps, self.steps[1:], strict=False), 1):
            if step.at_s < before.at_s:
                raise fault_at(("steps", number, "at_s"), f"expected {before.at_s:g} or later, the step before it")
        return self


def read_script(text: str, source: str) -> Script:
    """Return the script in a TOML text.

    Raises:
        ConfigError: It names the file, line, key, what was expected and an example.
    """
    return load_toml(text, Script, source=source, examples=EXAMPLES)


def told_script(value: Any) -> Script:
    """Return the script that a command sent to the running desk, which checked it already.

    Raises:
        DrillError: It is none.
    """
    try:
        return _SCRIPTS.validate_python(value)
    except ValidationError as error:
        raise DrillError("not understood", str(error.errors()[0]["msg"])) from None


def check_places(script: Script, inventory: Inventory) -> None:
    """Check that the script's buttons are in the inventory.

    Raises:
        DrillError: One is not; the detail names it.
    """
    known = {(button.device, button.id) for button in inventory.buttons}
    for step in script.steps:
        if step.device is not None and (step.device, step.button) not in known:
            raise DrillError("no such button", f"{step.device}/{step.button}")


_SCRIPTS: Final = TypeAdapter(Script)
