"""What goes wrong in these tests."""

from __future__ import annotations

from contract.errors import SiagaError


class DeployError(SiagaError):
    """A machine, a playbook or a claim about them failed; the text says which and why."""
