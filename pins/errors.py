"""The errors of lines.

contract.errors.SiagaError
└── LineError     a line cannot be opened or is lost: try again later
"""

from __future__ import annotations

from contract.errors import SiagaError


class LineError(SiagaError):
    """A line to a device cannot be opened or is lost; opening it again later may help.

    Args:
        uri: The line.
        problem: What happened.
        next_step: What a technician does now; empty when there is nothing to say.
    """

    def __init__(self, uri: str, problem: str, next_step: str = "") -> None:
        self.uri = uri
        self.problem = problem
        self.next_step = next_step
        super().__init__(f"{uri}: {problem}" + (f"; {next_step}" if next_step else ""))
