"""The diagram of the incident's states, made from the transition table.

python -m duty_desk.incidents.diagram            # show it
python -m duty_desk.incidents.diagram --write    # put it into docs/desk.md
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

from duty_desk.incidents.incident import ENDED, TRANSITIONS

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "desk.md"
BEGIN: Final = "<!-- states: made by python -m duty_desk.incidents.diagram --write -->"
END: Final = "<!-- end of states -->"


def diagram() -> str:
    """Return the diagram as Mermaid; actions between the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (state, action), then in TRANSITIONS.items():
        arrows[state or "[*]", then].append(action)
    lines = [f"    {state} --> {then} : {', '.join(actions)}" for (state, then), actions in arrows.items()]
    lines += [f"    {state} --> [*]" for state in sorted(ENDED)]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def placed(text: str) -> str:
    """Return a document with today's diagram between its two marks.

    Raises:
        ValueError: It lacks the marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected the marks {BEGIN} and {END}")
    return f"{before}{begin}\n{diagram()}\n{end}{after}"


def main(arguments: list[str]) -> int:
    """Show the diagram, or write it into the document."""
    if arguments not in ([], ["--write"]):
        print("usage: python -m duty_desk.incidents.diagram [--write]", file=sys.stderr)
        return 2
    if arguments:
        DOCUMENT.write_text(placed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(diagram())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
