"""`shell`: a raw terminal on the device."""

from commands.language.command import ADVANCED, LINUX, TerminalCommand
from commands.language.host import Host
from commands.language.host.terminal import Terminal


class Shell(
    TerminalCommand, role=ADVANCED, platforms=(LINUX,), group="change", limit=None, changes=True
):
    """Open a terminal on the device, recorded; Ctrl-] or F12 leaves it running."""

    async def open(self, host: Host, columns: int, rows: int) -> Terminal:
        return await host.terminals.open(columns, rows)
