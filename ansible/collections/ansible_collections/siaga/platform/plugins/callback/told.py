"""At the end of a run: who was left out, a line each, so that nobody has to look for it among thousands."""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: told
type: aggregate
short_description: Says at the end of a run who was left out, and why, a line each
description:
  - The last failure of each machine that did not finish. What a rescue mended is not among them.
requirements:
  - callbacks_enabled = siaga.platform.told
"""

_FAILED = "non-zero return code"
_ITEMS = "One or more items failed"


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """The plugin."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "siaga.platform.told"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, str] = {}

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Remember it."""
        if not ignore_errors:
            self._remember(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Remember it: of a loop the item says more than the whole."""
        self._remember(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Remember it."""
        self._remember(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Say who did not finish."""
        left = [host for host in sorted(stats.processed) if stats.failures.get(host) or stats.dark.get(host)]
        if left:
            self._display.banner("LEFT OUT")
        for host in left:
            line = self._last.get(host, "failed")
            self._display.display(line if line.startswith(f"{host}: ") else f"{host}: {line}", color="red")

    def _remember(self, result: Any) -> None:
        told = result.result
        said = told.get("msg")
        # What a command itself says is more than that it failed.
        said = told.get("stderr") or said if said in (None, "", _FAILED) else said
        words = " ".join(str(said or "failed").split())
        if not words.startswith(_ITEMS):
            self._last[result.host.get_name()] = words
