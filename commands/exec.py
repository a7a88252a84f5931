"""`exec`: one line in the device's own shell; what `ssh you~NAME@broker LINE` runs."""

from typing import Annotated

import msgspec

from commands.language.command import ADVANCED, HIDDEN, LINE, Command, TerminalCommand
from commands.language.desk import Desk
from commands.language.errors import NotUnderstood
from commands.language.host import Host
from commands.language.host.terminal import Terminal

LONGEST = 60_000
"""Bytes of the whole command as it is sent: what one message to a device holds."""


class Exec(
    TerminalCommand,
    role=ADVANCED,
    group="change",
    limit=None,
    changes=True,
    under="shell",
):
    """Run one line in the device's own shell, recorded, with its own exit status.

    ssh YOU~NAME@BROKER LINE runs it from anywhere, in the account's home: standard input goes to
    it, output and errors come apart and as they are. Typed here it has a terminal, where one is,
    and runs in the folder that you stand in. What it leaves running ends with it. Where shell is
    denied it is too.
    """

    line: Annotated[str, "what the device's shell is given, as typed", LINE]
    terminal: Annotated[bool, HIDDEN] = True
    home: Annotated[bool, HIDDEN] = False
    latin1: Annotated[bool, HIDDEN] = False

    @classmethod
    def given(cls, line: str, *, terminal: bool) -> "Exec":
        """The line of an ssh exec, surrogates for what is no UTF-8 in it."""
        octets = line.encode("utf-8", "surrogateescape")
        try:
            return cls(octets.decode("utf-8"), terminal, home=True)
        except UnicodeDecodeError:  # as one character a byte it is text all the same
            return cls(octets.decode("latin-1"), terminal, home=True, latin1=True)

    async def prepare(self, desk: Desk) -> Command:
        if "\0" in self.line:
            raise NotUnderstood("the line has a NUL, which no shell is given")
        if (size := len(msgspec.json.encode(self))) > LONGEST:
            raise NotUnderstood(f"the line is {size:,} bytes as it is sent, at most {LONGEST:,}")
        return self

    async def open(self, host: Host, columns: int, rows: int) -> Terminal:
        line = self.line.encode("latin-1" if self.latin1 else "utf-8")
        if self.terminal:
            return await host.terminals.open(columns, rows, line, home=self.home)
        return await host.terminals.open_plain(line, home=self.home)
