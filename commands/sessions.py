"""`sessions`: what was done, by whom, where."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import AUDITOR, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.records import SessionRow
from commands.language.items import Item, Note

WELL = ("running", "ended")


class Sessions(DeskCommand, role=AUDITOR, group="broker", rows=SessionRow):
    """List the sessions of all people on devices, newest first, damaged ones named.

    What people did without a device is a session of its own, at the desk: -desk lists those too.
    One that did not end well is always listed. Each file that sftp or scp reads or changes counts
    as a command.
    """

    desk: Annotated[bool, "those without a device too"] = False

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        left_out = 0
        async for row in desk.records.sessions():
            if self.desk or row.device != "-" or row.state not in WELL:
                yield row
            else:
                left_out += 1
        if left_out:
            count = "1 session" if left_out == 1 else f"{left_out:,} sessions"
            yield Note(f"{count} at the desk left out; sessions -desk lists all")
