"""The sequences that a good terminal understands: its title, and where prompts and outputs begin.

OSC 133 A, B, C and D;status (console.md, rule 19). Not for dumb terminals, nor the Linux console.
"""

from server.doors.client import Client

WITHOUT = ("", "dumb", "linux")


class Marks:
    """Empty for terminals that would print them."""

    def __init__(self, client: Client) -> None:
        self.on = client.terminal and client.term not in WITHOUT

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
