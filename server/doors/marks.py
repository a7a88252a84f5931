"""The sequences that a good terminal understands: its title, and where prompts and outputs begin.

OSC 133 A, B, C and D;status (console.md, rule 19). Not for dumb terminals, the Linux console, and
where a person set `plain on`.
"""

from collections.abc import Callable

from server.doors.client import Client

WITHOUT = ("", "dumb", "linux")


class Marks:
    """Empty for terminals that would print them."""

    def __init__(self, client: Client, plain: Callable[[], bool]) -> None:
        self._fit = client.terminal and client.term not in WITHOUT
        self._plain = plain

    @property
    def on(self) -> bool:
        return self._fit and not self._plain()

    def title(self, text: str) -> bytes:
        return self._osc(f"2;{text}")

    def prompt(self) -> bytes:
        return self._osc("133;A")

    def output(self) -> bytes:
        return self._osc("133;C")

    def ended(self, status: int) -> bytes:
        return self._osc(f"133;D;{status}")

    def _osc(self, text: str) -> bytes:
        return f"\x1b]{text}\x07".encode() if self.on else b""
