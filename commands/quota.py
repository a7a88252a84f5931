"""`quota`: the limits, and what is used of them."""

from collections.abc import AsyncIterator

from commands.language.command import ANY, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.person import QuotaRow
from commands.language.items import Item


class Quota(DeskCommand, role=ANY, group="broker", rows=QuotaRow):
    """Show the limits that hold for you and for this session, and what is used of each.

    Sessions are those on devices; exec, sftp and scp have a cap of their own. A recording, results
    and evidence are this session's, violations its device's records of this hour. Long commands
    are getfile, putfile, findfile, fileinfo and run. Of the free space at least so much is kept.

    An operator sets them in fireline.toml, under [limits], by the name in the last column.
    """

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        async for row in desk.own.quota():
            yield row
