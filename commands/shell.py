"""`shell`: a raw terminal on the device; by an exec without one, its shell alone."""

from typing import Annotated

from commands.language.command import ADVANCED, HIDDEN, TerminalCommand
from commands.language.host import Host
from commands.language.host.terminal import Terminal


class Shell(TerminalCommand, role=ADVANCED, group="change", limit=None, changes=True):
    """Open a terminal on the device, recorded; Ctrl-] or F12 leaves it running.

    ssh -t … 'shell NAME' opens it from anywhere, `shell` on the device that one stands on.
    ssh … 'shell NAME' < FILE without a terminal runs the lines in the device's shell: output and
    errors come apart, the exit status is the shell's own. ssh YOU~NAME@BROKER is the same, from
    the account's home.
    """

    terminal: Annotated[bool, HIDDEN] = True
    home: Annotated[bool, HIDDEN] = False

    async def open(self, host: Host, columns: int, rows: int) -> Terminal:
        if not self.terminal:
            return await host.terminals.open_plain(home=self.home)
        return await host.terminals.open(columns, rows, home=self.home)
